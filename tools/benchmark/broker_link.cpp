#include "tools/benchmark/broker_link.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace mqttsn::tools::benchmark {

namespace {

constexpr auto version = mqtt::Version::v3_1_1;
constexpr std::size_t most_in_flight = 65535;

struct HostAndPort {
    std::string host;
    std::string port = "1883";
};

std::optional<HostAndPort> parse_url(std::string_view url) {
    constexpr std::string_view scheme = "mqtt://";
    if (!url.starts_with(scheme)) return std::nullopt;
    url.remove_prefix(scheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    HostAndPort result;
    auto colon = url.rfind(':');
    if (url.starts_with('[')) {
        const auto end = url.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        result.host = url.substr(1, end - 1);
        colon = end + 1 < url.size() ? end + 1 : std::string_view::npos;
        if (colon != std::string_view::npos && url[colon] != ':') return std::nullopt;
    } else {
        result.host = url.substr(0, colon);
    }
    if (colon != std::string_view::npos) result.port = url.substr(colon + 1);
    const bool is_port = !result.port.empty() && result.port.find_first_not_of("0123456789") == std::string::npos;
    if (result.host.empty() || !is_port) return std::nullopt;
    return result;
}

}  // namespace

std::optional<std::string> BrokerLink::open(const std::string& url, std::string_view client_id) {
    const auto place = parse_url(url);
    if (!place) return fmt::format("--broker {}: expected mqtt://HOST:PORT", url);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int code = getaddrinfo(place->host.c_str(), place->port.c_str(), &hints, &list); code != 0)
        return fmt::format("--broker {}: cannot resolve {}: {}", url, place->host, gai_strerror(code));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(list, freeaddrinfo);
    int error = 0;
    for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
        socket_ = ::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (socket_ >= 0 && ::connect(socket_, each->ai_addr, each->ai_addrlen) == 0) break;
        error = errno;
        close();
    }
    if (socket_ < 0) return fmt::format("no broker answers at {}: {}", url, std::strerror(error));
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    mqtt::Connect packet;
    packet.client_id = client_id;
    mqtt::encode(version, packet, output_);
    flush();
    return std::nullopt;
}

void BrokerLink::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    connected_ = false;
}

void BrokerLink::fail(std::string text) {
    if (error_.empty()) error_ = std::move(text);
    connected_ = false;
}

void BrokerLink::subscribe(std::string_view filter, Qos qos) {
    subscribed_ = false;
    mqtt::encode(version, mqtt::Subscribe{1, {{filter, static_cast<std::uint8_t>(qos)}}, {}}, output_);
}

bool BrokerLink::publish(std::string_view topic, Bytes payload, Qos qos) {
    mqtt::Publish packet;
    packet.qos = qos;
    packet.topic = topic;
    packet.payload = payload;
    if (qos != Qos::at_most_once) {
        if (in_flight_ >= most_in_flight) return false;
        do {
            ++last_id_;
        } while (last_id_ == 0 || on_the_way_[last_id_]);
        on_the_way_[last_id_] = true;
        ++in_flight_;
        packet.packet_id = last_id_;
    }
    mqtt::encode_publish(version, packet, output_);
    return true;
}

void BrokerLink::disconnect() {
    if (!is_open()) return;
    mqtt::encode(version, mqtt::Disconnect{}, output_);
    flush();
    close();
}

void BrokerLink::flush() {
    while (wants_to_write()) {
        const auto size =
            ::send(socket_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) fail(fmt::format("writing to the broker: {}", std::strerror(errno)));
            return;
        }
        written_ += static_cast<std::size_t>(size);
    }
    output_.clear();
    written_ = 0;
}

bool BrokerLink::read_some() {
    const auto size = ::recv(socket_, input_.data(), input_.size(), MSG_DONTWAIT);
    if (size > 0) {
        parser_.feed({input_.data(), static_cast<std::size_t>(size)});
        return true;
    }
    if (size == 0) {
        fail("the broker closed the connection");
    } else if (errno != EAGAIN && errno != EINTR) {
        fail(fmt::format("reading from the broker: {}", std::strerror(errno)));
    }
    return false;
}

std::optional<mqtt::Packet> BrokerLink::next_packet() {
    const auto raw = parser_.next();
    if (!raw) fail("the broker sends what is not MQTT");
    if (!raw || !*raw) return std::nullopt;
    auto packet = mqtt::decode(version, (*raw)->first_octet, (*raw)->body);
    if (!packet) {
        fail("the broker sends a malformed packet");
        return std::nullopt;
    }
    return std::move(*packet);
}

void BrokerLink::handle(const mqtt::Packet& packet) {
    const auto release = [&](mqtt::PacketId id) {
        if (!on_the_way_[id]) return;
        on_the_way_[id] = false;
        --in_flight_;
    };
    if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) {
        connected_ = connack->reason == 0;
        if (!connected_) fail(fmt::format("the broker refuses the connection with code {}", connack->reason));
    } else if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
        subscribed_ = !suback->reasons.empty() && !mqtt::is_failure(suback->reasons[0]);
        if (!subscribed_) fail("the broker refuses the subscription");
    } else if (const auto* puback = std::get_if<mqtt::Puback>(&packet)) {
        release(puback->packet_id);
    } else if (const auto* pubrec = std::get_if<mqtt::Pubrec>(&packet)) {
        mqtt::encode_acknowledgement(mqtt::PacketType::pubrel, pubrec->packet_id, output_);
    } else if (const auto* pubcomp = std::get_if<mqtt::Pubcomp>(&packet)) {
        release(pubcomp->packet_id);
    }
}

}  // namespace mqttsn::tools::benchmark
