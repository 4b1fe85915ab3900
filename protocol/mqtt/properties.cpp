#include "protocol/mqtt/properties.hpp"

#include <algorithm>
#include <array>

namespace mqttsn::mqtt {

namespace {

using Id = PropertyId;
using Kind = PropertyKind;
using Type = PacketType;

template <class... Places>
constexpr std::uint32_t in(Places... places) {
    return ((1U << static_cast<unsigned>(places)) | ...);
}

constexpr std::uint32_t acknowledgements = in(Type::puback, Type::pubrec, Type::pubrel, Type::pubcomp);
constexpr std::uint32_t with_reason_string =
    acknowledgements | in(Type::connack, Type::suback, Type::unsuback, Type::disconnect, Type::auth);

constexpr std::array rules{
    PropertyRule{Id::payload_format_indicator, Kind::octet, in(Type::publish) | in(will_place), false},
    PropertyRule{Id::message_expiry_interval, Kind::four_octets, in(Type::publish) | in(will_place), false},
    PropertyRule{Id::content_type, Kind::text, in(Type::publish) | in(will_place), false},
    PropertyRule{Id::response_topic, Kind::text, in(Type::publish) | in(will_place), false},
    PropertyRule{Id::correlation_data, Kind::binary, in(Type::publish) | in(will_place), false},
    PropertyRule{Id::subscription_identifier, Kind::variable, in(Type::publish, Type::subscribe), true},
    PropertyRule{Id::session_expiry_interval, Kind::four_octets, in(Type::connect, Type::connack, Type::disconnect),
                 false},
    PropertyRule{Id::assigned_client_identifier, Kind::text, in(Type::connack), false},
    PropertyRule{Id::server_keep_alive, Kind::two_octets, in(Type::connack), false},
    PropertyRule{Id::authentication_method, Kind::text, in(Type::connect, Type::connack, Type::auth), false},
    PropertyRule{Id::authentication_data, Kind::binary, in(Type::connect, Type::connack, Type::auth), false},
    PropertyRule{Id::request_problem_information, Kind::octet, in(Type::connect), false},
    PropertyRule{Id::will_delay_interval, Kind::four_octets, in(will_place), false},
    PropertyRule{Id::request_response_information, Kind::octet, in(Type::connect), false},
    PropertyRule{Id::response_information, Kind::text, in(Type::connack), false},
    PropertyRule{Id::server_reference, Kind::text, in(Type::connack, Type::disconnect), false},
    PropertyRule{Id::reason_string, Kind::text, with_reason_string, false},
    PropertyRule{Id::receive_maximum, Kind::two_octets, in(Type::connect, Type::connack), false},
    PropertyRule{Id::topic_alias_maximum, Kind::two_octets, in(Type::connect, Type::connack), false},
    PropertyRule{Id::topic_alias, Kind::two_octets, in(Type::publish), false},
    PropertyRule{Id::maximum_qos, Kind::octet, in(Type::connack), false},
    PropertyRule{Id::retain_available, Kind::octet, in(Type::connack), false},
    PropertyRule{Id::user_property, Kind::pair, 0xFFFFU, true},
    PropertyRule{Id::maximum_packet_size, Kind::four_octets, in(Type::connect, Type::connack), false},
    PropertyRule{Id::wildcard_subscription_available, Kind::octet, in(Type::connack), false},
    PropertyRule{Id::subscription_identifier_available, Kind::octet, in(Type::connack), false},
    PropertyRule{Id::shared_subscription_available, Kind::octet, in(Type::connack), false},
};

}  // namespace

const PropertyRule* find_rule(std::uint32_t id) noexcept {
    const auto* found = std::find_if(rules.begin(), rules.end(),
                                     [&](const PropertyRule& r) { return static_cast<std::uint32_t>(r.id) == id; });
    return found == rules.end() ? nullptr : found;
}

std::optional<std::uint32_t> find_number(const Properties& properties, PropertyId id) noexcept {
    for (const Property& each : properties) {
        if (each.id == id) return std::get<std::uint32_t>(each.value);
    }
    return std::nullopt;
}

std::optional<std::string_view> find_text(const Properties& properties, PropertyId id) noexcept {
    for (const Property& each : properties) {
        if (each.id == id) return std::get<std::string_view>(each.value);
    }
    return std::nullopt;
}

}  // namespace mqttsn::mqtt
