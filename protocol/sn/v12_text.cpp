#include "protocol/sn/v12_text.hpp"

#include "protocol/hex.hpp"
#include "protocol/topic.hpp"

#include <fmt/format.h>

namespace mqttsn::sn {

namespace {

constexpr std::size_t longest_in_a_line = 64;  // octets of a value
constexpr std::size_t longest_malformed = 256;

Coded coded(ReturnCode code) {
    return {static_cast<int>(code), name_of(code)};
}

// The fields of a message in the order of SN 5.4, under the names of SN 5.3.
class FieldList {
public:
    explicit FieldList(std::vector<Field>& fields) : fields_(fields) {}

    void operator()(const Advertise& p) { gateway(p.gw_id), duration(p.duration_s); }
    void operator()(const SearchGw& p) { add("radius", int{p.radius}); }
    void operator()(const GwInfo& p) {
        gateway(p.gw_id);
        add("gw_add", NodeAddress{p.gw_add}, p.gw_add.empty());
    }
    void operator()(const Connect& p) {
        flag("will", p.will), flag("clean_session", p.clean_session);
        add("protocol_id", int{p.protocol_id}, p.protocol_id == sn::protocol_id);
        duration(p.duration_s), client_id(p.client_id);
    }
    void operator()(const Connack& p) { return_code(p.code); }
    void operator()(const WillTopicReq&) {}
    void operator()(const WillTopic& p) { will_topic(p.qos, p.retain, p.topic); }
    void operator()(const WillMsgReq&) {}
    void operator()(const WillMsg& p) { add("will_msg", Content{p.message}); }
    void operator()(const Register& p) {
        // A client asks for an id, so it sends 0 (SN 5.4.10).
        add("topic_id", int{p.topic_id}, p.topic_id == 0);
        msg_id(p.msg_id), name(p.topic_name);
    }
    void operator()(const Regack& p) { topic_id(p.topic_id), msg_id(p.msg_id), return_code(p.code); }
    void operator()(const Publish& p) {
        flag("dup", p.dup), qos(p.qos), flag("retain", p.retain), topic_id_type(p.type);
        topic(p.type, p.topic_id);
        const bool has_no_use = p.qos == Qos::at_most_once || p.qos == Qos::minus_one;
        add("msg_id", int{p.msg_id}, p.msg_id == 0 && has_no_use);
        add("data", Content{p.data});
    }
    void operator()(const Puback& p) { topic_id(p.topic_id), msg_id(p.msg_id), return_code(p.code); }
    void operator()(const Pubcomp& p) { msg_id(p.msg_id); }
    void operator()(const Pubrec& p) { msg_id(p.msg_id); }
    void operator()(const Pubrel& p) { msg_id(p.msg_id); }
    void operator()(const Subscribe& p) {
        flag("dup", p.dup), qos(p.qos), topic_id_type(p.type), msg_id(p.msg_id);
        filter(p.type, p.topic_id, p.topic_name);
    }
    void operator()(const Suback& p) { qos(p.qos), topic_id(p.topic_id), msg_id(p.msg_id), return_code(p.code); }
    void operator()(const Unsubscribe& p) {
        topic_id_type(p.type), msg_id(p.msg_id);
        filter(p.type, p.topic_id, p.topic_name);
    }
    void operator()(const Unsuback& p) { msg_id(p.msg_id); }
    void operator()(const Pingreq& p) { add("client_id", std::string(p.client_id), p.client_id.empty()); }
    void operator()(const Pingresp&) {}
    void operator()(const Disconnect& p) {
        if (p.duration_s) duration(*p.duration_s);
    }
    void operator()(const WillTopicUpd& p) { will_topic(p.qos, p.retain, p.topic); }
    void operator()(const WillTopicResp& p) { return_code(p.code); }
    void operator()(const WillMsgUpd& p) { add("will_msg", Content{p.message}); }
    void operator()(const WillMsgResp& p) { return_code(p.code); }

private:
    void add(std::string_view field, FieldValue value, bool is_usual = false) {
        fields_.push_back({field, std::move(value), is_usual});
    }
    void flag(std::string_view field, bool value) { add(field, value, !value); }
    void gateway(std::uint8_t id) { add("gw_id", int{id}); }
    void duration(std::uint16_t seconds) { add("duration_s", int{seconds}); }
    void client_id(std::string_view id) { add("client_id", std::string(id)); }
    void qos(Qos value) { add("qos", static_cast<int>(value)); }
    void topic_id(TopicId id) { add("topic_id", int{id}); }
    void msg_id(MsgId id) { add("msg_id", int{id}); }
    void name(std::string_view text) { add("topic_name", std::string(text)); }
    void return_code(ReturnCode code) { add("return_code", coded(code)); }
    void topic_id_type(TopicIdType type) {
        add("topic_id_type", Coded{static_cast<int>(type), name_of(type)}, type == TopicIdType::normal);
    }
    void topic(TopicIdType type, TopicId id) {
        const bool is_short = type == TopicIdType::short_name;
        add("topic_id", int{id}, is_short);
        if (is_short) name(std::string{static_cast<char>(id >> 8U), static_cast<char>(id & 0xFFU)});
    }
    void filter(TopicIdType type, TopicId id, std::string_view text) {
        if (type == TopicIdType::normal) {
            name(text);
        } else if (type != TopicIdType::reserved) {
            topic(type, id);
        }
    }
    void will_topic(Qos value, bool retain, std::string_view topic) {
        // Without a topic there are no flags either: the will is deleted (SN 5.4.7).
        if (!topic.empty()) qos(value), flag("retain", retain);
        add("will_topic", std::string(topic));
    }

    std::vector<Field>& fields_;
};

bool is_control(std::string_view text, std::size_t at) noexcept {
    const auto octet = static_cast<unsigned char>(text[at]);
    if (octet < 0x20 || octet == 0x7F) return true;
    // U+0080–U+009F are controls too, and terminals obey them.
    return octet == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
}

std::string quoted(std::string_view text) {
    const bool is_utf8 = is_valid_utf8(text);
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octet = static_cast<unsigned char>(text[i]);
        if (octet == '"' || octet == '\\') {
            out += {'\\', text[i]};
        } else if (octet == '\n') {
            out += "\\n";
        } else if (is_utf8 && octet == 0xC2 && is_control(text, i)) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
        } else if (is_control(text, i) || (!is_utf8 && octet >= 0x80)) {
            out += fmt::format("\\x{:02x}", octet);
        } else {
            out += text[i];
        }
    }
    return out + '"';
}

// At most `longest` octets, never half a character.
std::string_view beginning(std::string_view text, std::size_t longest) noexcept {
    if (text.size() <= longest) return text;
    const bool is_utf8 = is_valid_utf8(text);
    while (is_utf8 && longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0U) == 0x80U)
        --longest;
    return text.substr(0, longest);
}

std::string with_size(const std::string& text, std::size_t shown, std::size_t size) {
    return shown == size ? text : text + fmt::format("…({} octets)", size);
}

std::string quoted(std::string_view text, std::size_t longest) {
    const auto shown = beginning(text, longest);
    return with_size(quoted(shown), shown.size(), text.size());
}

std::string in_hex(Bytes octets, std::size_t longest) {
    const Bytes shown = octets.first(std::min(longest, octets.size()));
    return with_size(to_hex(shown), shown.size(), octets.size());
}

bool is_readable(std::string_view text) noexcept {
    if (!is_valid_utf8(text)) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_control(text, i) && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') return false;
    }
    return true;
}

struct ValueText {
    std::size_t longest;

    std::string operator()(bool value) const { return value ? "yes" : "no"; }
    std::string operator()(int value) const { return std::to_string(value); }
    std::string operator()(const Coded& value) const { return fmt::format("{}({})", value.meaning, value.code); }
    std::string operator()(const std::string& value) const { return quoted(value, longest); }
    std::string operator()(const Content& value) const {
        const auto text = as_text(value.octets);
        return is_readable(text) ? quoted(text, longest) : "0x" + in_hex(value.octets, longest);
    }
    std::string operator()(const NodeAddress& value) const { return in_hex(value.octets, longest); }
};

// The words of the category with what is known about this frame.
std::string reason_of(boost::system::error_code error, Bytes frame) {
    const auto octet = [frame](std::size_t at) { return static_cast<unsigned>(frame[at]); };
    auto message = error.message();
    if (error == make_error_code(CodecError::length_mismatch)) {
        const unsigned length = octet(0) == 1 ? octet(1) << 8U | octet(2) : octet(0);
        return fmt::format("Length is {}, the datagram has {} octets", length, frame.size());
    }
    // Both are found after the Length field was right, so that the type is there.
    const bool is_about_type = error == make_error_code(CodecError::reserved_type);
    if (!is_about_type && error != make_error_code(CodecError::wrong_size)) return message;
    const unsigned type = octet(octet(0) == 1 ? 3 : 1);
    if (is_about_type) return fmt::format("{} 0x{:02x}", message, type);
    return fmt::format("{}: {} of {} octets", message, name_of(static_cast<MsgType>(type)), frame.size());
}

}  // namespace

MessageText text_of(const Packet& packet) {
    MessageText message{type_of(packet), {}};
    std::visit(FieldList(message.fields), packet);
    return message;
}

MessageText text_of(const Encapsulated& header) {
    return {MsgType::encapsulated,
            {{"radius", int{header.radius}, header.radius == 0}, {"wireless_node_id", NodeAddress{header.node_id}}}};
}

FrameText describe(Bytes frame) {
    FrameText text;
    text.rest = frame;
    const auto fail = [&text](boost::system::error_code error) {
        text.error = error;
        text.reason = reason_of(error, text.rest);
        return text;
    };
    while (is_encapsulated(text.rest)) {
        const auto header = decode_encapsulated(text.rest);
        if (!header) return fail(header.error());
        text.layers.push_back(text_of(*header));
        text.rest = header->inner;
    }
    const auto packet = decode(text.rest);
    if (!packet) return fail(packet.error());
    text.layers.push_back(text_of(*packet));
    text.rest = {};
    return text;
}

std::string one_line(const MessageText& message) {
    std::string line(name_of(message.type));
    for (const Field& field : message.fields) {
        if (field.is_usual) continue;
        line += ' ';
        line += field.name;
        if (std::holds_alternative<bool>(field.value)) continue;  // a flag that is set
        line += '=' + to_string(field.value, longest_in_a_line);
    }
    return line;
}

std::string one_line(const FrameText& frame) {
    std::string line;
    for (const MessageText& layer : frame.layers) {
        if (!line.empty()) line += " | ";
        line += one_line(layer);
    }
    if (!frame.error) return line;
    if (!line.empty()) line += " | ";
    return line + malformed_line(frame.reason, frame.rest);
}

std::string malformed_line(std::string_view reason, Bytes rest) {
    const auto hex = rest.empty() ? std::string("nothing") : in_hex(rest, longest_malformed);
    return fmt::format("malformed ({}): {}", reason, hex);
}

std::string to_string(const FieldValue& value, std::size_t longest) {
    return std::visit(ValueText{longest}, value);
}

std::string_view name_of(ReturnCode code) noexcept {
    switch (code) {
        case ReturnCode::accepted:
            return "accepted";
        case ReturnCode::congestion:
            return "congestion";
        case ReturnCode::invalid_topic_id:
            return "invalid_topic_id";
        case ReturnCode::not_supported:
            return "not_supported";
    }
    return "reserved";
}

std::string_view name_of(TopicIdType type) noexcept {
    switch (type) {
        case TopicIdType::normal:
            return "normal";
        case TopicIdType::predefined:
            return "predefined";
        case TopicIdType::short_name:
            return "short";
        case TopicIdType::reserved:
            break;
    }
    return "reserved";
}

}  // namespace mqttsn::sn
