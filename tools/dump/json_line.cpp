#include "tools/dump/json_line.hpp"

#include "protocol/hex.hpp"
#include "protocol/topic.hpp"

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace mqttsn::tools {

namespace {

namespace json = boost::json;

// Adds one field under its name.
struct AddField {
    std::string_view name;
    json::object& object;

    void operator()(bool value) const { object[name] = value; }
    void operator()(int value) const { object[name] = value; }
    void operator()(const sn::Coded& value) const {
        object[name] = value.code;
        object[fmt::format("{}_text", name)] = value.meaning;
    }
    void operator()(const std::string& value) const {
        if (is_valid_utf8(value)) {
            object[name] = value;
        } else {
            object[fmt::format("{}_hex", name)] = to_hex(as_bytes(value));
        }
    }
    void operator()(const sn::Content& value) const { (*this)(std::string(as_text(value.octets))); }
    void operator()(const sn::NodeAddress& value) const { object[name] = to_hex(value.octets); }
};

void add_fields(const sn::MessageText& message, json::object& object) {
    for (const auto& field : message.fields)
        std::visit(AddField{field.name, object}, field.value);
}

}  // namespace

std::string json_line(const ShownFrame& frame) {
    json::object line{{"number", frame.number}};
    if (frame.is_from_network) {
        line["time"] = to_string(frame.time);
        line["from"] = to_string(frame.datagram.from);
        line["to"] = to_string(frame.datagram.to);
    }
    line["length"] = frame.datagram.real_size;
    line["hex"] = to_hex(frame.datagram.payload);
    json::array forwarder;
    for (const auto& layer : frame.text.layers) {
        json::object* target = &line;
        if (layer.type == sn::MsgType::encapsulated) {
            target = &forwarder.emplace_back(json::object()).as_object();
        } else {
            line["type"] = sn::name_of(layer.type);
            line["msg_type"] = static_cast<int>(layer.type);
        }
        add_fields(layer, *target);
    }
    if (!forwarder.empty()) line["forwarder"] = std::move(forwarder);
    if (frame.is_malformed()) line["malformed"] = frame.text.reason;
    return json::serialize(line) + '\n';
}

}  // namespace mqttsn::tools
