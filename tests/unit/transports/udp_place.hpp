// UDP links under test beside bare sockets, which are the nodes, on loopback.
#pragma once

#include "transports/udp.hpp"

#include <netinet/in.h>
#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mqttsn::transports::test {

class Listener final : public FrameHandler {
public:
    void on_frame(const FrameInfo& info, Bytes frame) override {
        from.push_back(info.from);
        frames.emplace_back(as_text(frame));
        ++frames_of_batch;
    }
    void on_link_state(LinkId, bool, const std::string&) override {}
    void on_batch_end() override {
        if (frames_of_batch != 0) batches.push_back(std::exchange(frames_of_batch, 0U));
    }

    std::vector<Endpoint> from;
    std::vector<std::string> frames;
    std::size_t frames_of_batch = 0;
    std::vector<std::size_t> batches;
};

/// A bare socket: the node's side.
class Node {
public:
    explicit Node(boost::asio::io_context& io, const std::string& listen = "127.0.0.1:0") : socket_(io) {
        const auto address = *parse_socket_address(listen);
        socket_.open(address.is_v6() ? boost::asio::ip::udp::v6() : boost::asio::ip::udp::v4());
        REQUIRE(::bind(socket_.native_handle(), address.data(), address.size) == 0);
        socket_.non_blocking(true);
        const int on = 1;
        if (!address.is_v6()) ::setsockopt(socket_.native_handle(), IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
        if (address.is_v6()) ::setsockopt(socket_.native_handle(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
    }

    SocketAddress address() {
        SocketAddress result;
        result.size = sizeof result.storage;
        ::getsockname(socket_.native_handle(), result.data(), &result.size);
        return result;
    }
    void send(std::string_view octets, const SocketAddress& to) {
        REQUIRE(::sendto(socket_.native_handle(), octets.data(), octets.size(), 0, to.data(), to.size) ==
                static_cast<ssize_t>(octets.size()));
    }
    /// Whether a datagram is there; its text, hop limit and source are then known.
    bool receive() {
        std::array<char, 65536> datagram;
        alignas(cmsghdr) std::array<char, 256> control;
        iovec piece{datagram.data(), datagram.size()};
        msghdr header{};
        header.msg_iov = &piece;
        header.msg_iovlen = 1;
        header.msg_name = from.data();
        header.msg_namelen = sizeof from.storage;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const auto size = ::recvmsg(socket_.native_handle(), &header, MSG_DONTWAIT);
        if (size < 0) return false;
        from.size = header.msg_namelen;
        text.assign(datagram.data(), static_cast<std::size_t>(size));
        if (const cmsghdr* each = CMSG_FIRSTHDR(&header)) std::memcpy(&hops, CMSG_DATA(each), sizeof hops);
        return true;
    }
    boost::asio::ip::udp::socket& socket() { return socket_; }

    std::string text;
    int hops = 0;
    SocketAddress from;

private:
    boost::asio::ip::udp::socket socket_;
};

class Place {
public:
    UdpTransport& open(UdpConfig config) {
        links.push_back(std::make_unique<UdpTransport>(poll, static_cast<LinkId>(links.size()), std::move(config)));
        const auto started = links.back()->start(listener);
        INFO(links.back()->error());
        REQUIRE(started.has_value());
        return *links.back();
    }
    std::string error_of(UdpConfig config) {
        UdpTransport link(poll, 0, std::move(config));
        CHECK_FALSE(link.start(listener).has_value());
        return link.error();
    }
    template <class Condition>
    bool until(Condition&& holds) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!holds()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            if (io.stopped()) io.restart();
            io.run_one_for(std::chrono::milliseconds(5));
        }
        return true;
    }
    bool frames(std::size_t count) {
        return until([&] { return listener.frames.size() >= count; });
    }

    boost::asio::io_context io{1};
    ReadyPoll poll{io, [] {}};
    Listener listener;
    std::vector<std::unique_ptr<UdpTransport>> links;
};

inline UdpConfig listen_on(std::string address) {
    UdpConfig config;
    config.listen = std::move(address);
    return config;
}

inline std::string with_port(const std::string& host, const SocketAddress& address) {
    return host + ":" + std::to_string(address.port());
}

}  // namespace mqttsn::transports::test
