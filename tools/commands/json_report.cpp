#include "tools/commands/json_report.hpp"

#include "protocol/topic.hpp"
#include "tools/commands/message_format.hpp"
#include "transports/udp_address.hpp"

#include <boost/json.hpp>

namespace mqttsn::tools {

namespace json = boost::json;

std::string to_json(const std::vector<node::KnownGateway>& gateways, TimePoint now) {
    json::array list;
    for (const node::KnownGateway& each : gateways) {
        json::value period = nullptr;
        if (each.duration_s) period = *each.duration_s;
        list.push_back({{"id", each.gw_id},
                        {"address", transports::to_string(transports::to_socket_address(each.address))},
                        {"heard_by", source_name(each.source)},
                        {"advertise_s", period},
                        {"age_s", std::chrono::duration<double>(now - each.heard_at).count()}});
    }
    return json::serialize(list);
}

std::string to_json(const node::Received& message, const std::string& time, bool payload_is_json) {
    json::object object{{"tst", time},
                        {"topic", message.topic},
                        {"qos", static_cast<int>(message.qos)},
                        {"retain", message.retain ? 1 : 0},
                        {"payloadlen", message.payload.size()}};
    if (message.msg_id != 0) object["mid"] = message.msg_id;
    const auto text = as_text(message.payload);
    boost::system::error_code error;
    json::value value;
    if (payload_is_json) value = json::parse({text.data(), text.size()}, error);
    if (payload_is_json && !error) {
        object["payload"] = std::move(value);
    } else if (is_valid_utf8(text)) {
        object["payload"] = json::string_view(text.data(), text.size());
    } else {
        object["payload_hex"] = hex_of(message.payload);
    }
    return json::serialize(object);
}

}  // namespace mqttsn::tools
