#include "tests/simulation/trace.hpp"

#include "protocol/sn/v12_text.hpp"

namespace mqttsn::simulation {

namespace {

std::string_view shown(Bytes payload) {
    return as_text(payload).substr(0, 16);
}

struct ToText {
    std::string operator()(const mqtt::Connect& p) const {
        return fmt::format("CONNECT {} {}{}", p.client_id, p.clean_start ? "clean" : "keep",
                           p.will ? fmt::format(" will={}", shown(p.will->payload)) : std::string());
    }
    std::string operator()(const mqtt::Connack& p) const {
        return fmt::format("CONNACK {}{}", p.reason, p.session_present ? " present" : "");
    }
    std::string operator()(const mqtt::Publish& p) const {
        return fmt::format("PUBLISH q{}{}{} id={} {} {}", static_cast<int>(p.qos), p.dup ? " dup" : "",
                           p.retain ? " retain" : "", p.packet_id, p.topic, shown(p.payload));
    }
    std::string operator()(const mqtt::Subscribe& p) const {
        return fmt::format("SUBSCRIBE id={} q{} {}", p.packet_id, p.topics.front().options, p.topics.front().filter);
    }
    std::string operator()(const mqtt::Unsubscribe& p) const {
        return fmt::format("UNSUBSCRIBE id={} {}", p.packet_id, p.filters.front());
    }
    std::string operator()(const mqtt::Puback& p) const { return fmt::format("PUBACK id={}", p.packet_id); }
    std::string operator()(const mqtt::Pubrec& p) const { return fmt::format("PUBREC id={}", p.packet_id); }
    std::string operator()(const mqtt::Pubrel& p) const { return fmt::format("PUBREL id={}", p.packet_id); }
    std::string operator()(const mqtt::Pubcomp& p) const { return fmt::format("PUBCOMP id={}", p.packet_id); }
    std::string operator()(const mqtt::Suback& p) const { return fmt::format("SUBACK id={}", p.packet_id); }
    std::string operator()(const mqtt::Unsuback& p) const { return fmt::format("UNSUBACK id={}", p.packet_id); }
    std::string operator()(const mqtt::Pingreq&) const { return "PINGREQ"; }
    std::string operator()(const mqtt::Pingresp&) const { return "PINGRESP"; }
    std::string operator()(const mqtt::Disconnect& p) const { return fmt::format("DISCONNECT {}", p.reason); }
    std::string operator()(const mqtt::Auth&) const { return "AUTH"; }
};

}  // namespace

std::string text_of(const mqtt::Packet& packet) {
    return std::visit(ToText{}, packet);
}

std::string text_of_frame(Bytes frame) {
    return sn::one_line(sn::describe(frame));
}

}  // namespace mqttsn::simulation
