#include "tools/commands/node_link.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>

namespace mqttsn::tools {

using boost::asio::ip::udp;

NodeLink::NodeLink(boost::asio::io_context& io, node::ClientOptions options, Handler handler)
    : client_(std::move(options)), handler_(std::move(handler)), socket_(io), timer_(io) {}

NodeLink::~NodeLink() {
    close();
}

Result<void> NodeLink::open(const udp::endpoint& gateway) {
    boost::system::error_code error;
    if (socket_.is_open()) socket_.close(error);
    ++opened_;
    gateway_ = gateway;
    socket_.open(gateway.protocol(), error);
    if (!error) socket_.connect(gateway, error);
    if (!error) socket_.non_blocking(true, error);
    if (error) return error;
    wait_readable();
    return {};
}

void NodeLink::attach(SharedWay& way, Buffer node_id) {
    way_ = &way;
    node_id_ = std::move(node_id);
    way.add(node_id_, [this](Bytes frame) { arrived(frame); });
}

void NodeLink::impair(const node::ImpairmentOptions& options, std::uint64_t seed) {
    impaired_ = std::make_unique<Impaired>(
        Impaired{node::Impairment(options, seed, now()), boost::asio::steady_timer(socket_.get_executor())});
}

void NodeLink::misbehave(const node::FaultOptions& options, std::uint64_t seed) {
    faulty_ = std::make_unique<Faulty>(Faulty{node::Misbehaviour(options, seed), udp::socket(socket_.get_executor())});
}

void NodeLink::close() {
    if (way_ != nullptr) std::exchange(way_, nullptr)->remove(node_id_);
    boost::system::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    if (impaired_) impaired_->timer.cancel();
}

TimePoint NodeLink::now() noexcept {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

void NodeLink::carry_out() {
    // Events may ask for more: the outer call goes on until nothing is left.
    if (carrying_out_) return;
    carrying_out_ = true;
    while (!outbox_.frames.empty() || !outbox_.events.empty()) {
        node::Outbox out = std::exchange(outbox_, {});
        for (const Buffer& frame : out.frames) {
            if (handler_.on_frame) handler_.on_frame(true, frame);
            transmit(frame);
        }
        for (const node::Event& event : out.events)
            handler_.on_event(event);
    }
    carrying_out_ = false;
    rearm();
}

void NodeLink::transmit(Bytes frame) {
    if (!impaired_) return put_on_wire(frame);
    impaired_->network.put(node::Direction::up, frame, now());
    carry_impaired();
}

void NodeLink::put_on_wire(Bytes frame) {
    if (faulty_) {
        for (const auto& each : faulty_->node.send(frame))
            put_on_wire(each);
        return;
    }
    if (way_ != nullptr) return way_->send(node_id_, frame);
    // A datagram that does not leave is a lost one: T_retry takes care.
    boost::system::error_code ignored;
    socket_.send(boost::asio::buffer(frame.data(), frame.size()), 0, ignored);
}

// Behind a forwarder a node has no ports of its own.
void NodeLink::put_on_wire(const node::FaultyDatagram& datagram) {
    using Port = node::FaultyDatagram::Port;
    if (way_ != nullptr) return way_->send(node_id_, datagram.octets);
    if (datagram.from == Port::fresh && !open(udp::endpoint(gateway_))) return;
    boost::system::error_code ignored;
    const auto octets = boost::asio::buffer(datagram.octets);
    if (datagram.from != Port::second) {
        socket_.send(octets, 0, ignored);
        return;
    }
    udp::socket& second = faulty_->second;
    if (!second.is_open()) second.connect(gateway_, ignored);
    second.send(octets, 0, ignored);
}

void NodeLink::arrived(Bytes frame) {
    if (!impaired_) return hear(frame);
    impaired_->network.put(node::Direction::down, frame, now());
    carry_impaired();
}

void NodeLink::hear(Bytes frame) {
    if (handler_.on_frame) handler_.on_frame(false, frame);
    client_.receive(frame, now(), outbox_);
    carry_out();
}

// What has crossed the bad network by now. Hearing one frame may send another and come back here.
void NodeLink::carry_impaired() {
    node::Impairment& network = impaired_->network;
    while (is_open()) {
        const auto arrival = network.take(now());
        if (!arrival) break;
        if (arrival->direction == node::Direction::down) {
            hear(arrival->frame);
            continue;
        }
        if (way_ == nullptr && network.rebinds(now())) {
            if (!open(udp::endpoint(gateway_))) continue;  // out of sockets: the frame is lost
        }
        put_on_wire(arrival->frame);
    }
    const auto next = network.next_timeout();
    if (!next || !is_open()) return;
    impaired_->timer.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    impaired_->timer.async_wait([this](boost::system::error_code error) {
        if (!error) carry_impaired();
    });
}

void NodeLink::wait_readable() {
    socket_.async_wait(udp::socket::wait_read, [this, socket = opened_](boost::system::error_code error) {
        if (error) return;
        std::array<std::byte, 65536> datagram;
        while (socket_.is_open() && socket == opened_) {
            const auto size = ::recv(socket_.native_handle(), datagram.data(), datagram.size(), MSG_DONTWAIT);
            if (size < 0) {
                if (errno == ECONNREFUSED && handler_.on_error) handler_.on_error("port unreachable");
                break;
            }
            arrived(Bytes(datagram.data(), static_cast<std::size_t>(size)));
        }
        if (socket_.is_open() && socket == opened_) wait_readable();
    });
}

void NodeLink::rearm() {
    const auto next = client_.next_timeout();
    if (!next || !is_open()) return;
    if (armed_for_ && *armed_for_ <= *next) return;
    armed_for_ = next;
    timer_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        armed_for_.reset();
        client_.timeout(now(), outbox_);
        carry_out();
    });
}

ResolvedGateway resolve_gateway(boost::asio::io_context& io, const std::string& host, std::uint16_t port) {
    boost::system::error_code error;
    udp::resolver resolver(io);
    const auto found = resolver.resolve(host, std::to_string(port), error);
    if (error || found.empty()) return {std::nullopt, fmt::format("cannot resolve {}: {}", host, error.message())};
    return {found.begin()->endpoint(), {}};
}

}  // namespace mqttsn::tools
