#include "protocol/sn/v12_codec.hpp"

#include <array>
#include <string>

namespace mqttsn::sn {

namespace {

class CodecCategory final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "mqtt-sn"; }
    std::string message(int value) const override {
        switch (static_cast<CodecError>(value)) {
            case CodecError::empty:
                return "empty datagram";
            case CodecError::bad_length:
                return "impossible Length field";
            case CodecError::length_mismatch:
                return "Length differs from the size of the datagram";
            case CodecError::reserved_type:
                return "reserved message type";
            case CodecError::wrong_size:
                return "wrong size for this message type";
            case CodecError::bad_encapsulation:
                return "bad forwarder encapsulation";
            case CodecError::too_long:
                return "message too long";
        }
        return "unknown error";
    }
};

constexpr std::array<std::string_view, codec_error_count> error_names{
    "empty", "bad_length", "length_mismatch", "reserved_type", "wrong_size", "bad_encapsulation", "too_long"};

namespace flag {
constexpr std::uint8_t dup = 0x80;
constexpr std::uint8_t qos = 0x60;
constexpr std::uint8_t retain = 0x10;
constexpr std::uint8_t will = 0x08;
constexpr std::uint8_t clean_session = 0x04;
constexpr std::uint8_t topic_id_type = 0x03;
}  // namespace flag

std::uint8_t octet(Bytes body, std::size_t at) noexcept {
    return static_cast<std::uint8_t>(body[at]);
}

std::uint16_t word(Bytes body, std::size_t at) noexcept {
    return static_cast<std::uint16_t>((octet(body, at) << 8U) | octet(body, at + 1));
}

// 00, 01, 10 are QoS 0–2; 11 is QoS −1 (SN 5.3.4).
Qos qos_of(std::uint8_t flags) noexcept {
    const unsigned bits = (flags & flag::qos) >> 5U;
    return bits == 3 ? Qos::minus_one : static_cast<Qos>(bits);
}

std::uint8_t bits_of(Qos qos) noexcept {
    return static_cast<std::uint8_t>((static_cast<unsigned>(qos) & 3U) << 5U);
}

TopicIdType type_of_topic(std::uint8_t flags) noexcept {
    return static_cast<TopicIdType>(flags & flag::topic_id_type);
}

ReturnCode code_at(Bytes body, std::size_t at) noexcept {
    return static_cast<ReturnCode>(octet(body, at));
}

Result<Packet> wrong_size() noexcept {
    return make_error_code(CodecError::wrong_size);
}

template <class WillTopicPacket>
WillTopicPacket decode_will_topic(Bytes body) noexcept {
    if (body.size() < 2) return {};  // flags without a topic mean the same as neither (SN12-5.4.7-b)
    const std::uint8_t flags = octet(body, 0);
    return {qos_of(flags), (flags & flag::retain) != 0, as_text(body.subspan(1))};
}

Result<Packet> decode_publish(Bytes body) noexcept {
    if (body.size() < 5) return wrong_size();
    const std::uint8_t flags = octet(body, 0);
    return Publish{(flags & flag::dup) != 0, qos_of(flags), (flags & flag::retain) != 0,
                   type_of_topic(flags),     word(body, 1), word(body, 3),
                   body.subspan(5)};
}

/// The topic of SUBSCRIBE and UNSUBSCRIBE, which starts at octet 3 of the body.
template <class TopicPacket>
Result<Packet> with_topic(TopicPacket packet, Bytes body) noexcept {
    switch (packet.type) {
        case TopicIdType::normal:
            packet.topic_name = as_text(body.subspan(3));
            return packet;
        case TopicIdType::predefined:
        case TopicIdType::short_name:
            if (body.size() != 5) return wrong_size();
            packet.topic_id = word(body, 3);
            return packet;
        case TopicIdType::reserved:
            break;
    }
    return packet;
}

Result<Packet> decode_subscribe(Bytes body) noexcept {
    if (body.size() < 3) return wrong_size();
    const std::uint8_t flags = octet(body, 0);
    return with_topic(Subscribe{(flags & flag::dup) != 0, qos_of(flags), type_of_topic(flags), word(body, 1), 0, {}},
                      body);
}

Result<Packet> decode_unsubscribe(Bytes body) noexcept {
    if (body.size() < 3) return wrong_size();
    return with_topic(Unsubscribe{type_of_topic(octet(body, 0)), word(body, 1), 0, {}}, body);
}

Result<Packet> decode_connect(Bytes body) noexcept {
    if (body.size() < 4) return wrong_size();
    const std::uint8_t flags = octet(body, 0);
    return Connect{(flags & flag::will) != 0, (flags & flag::clean_session) != 0, octet(body, 1), word(body, 2),
                   as_text(body.subspan(4))};
}

Result<Packet> decode_disconnect(Bytes body) noexcept {
    if (body.empty()) return Disconnect{};
    if (body.size() != 2) return wrong_size();
    return Disconnect{word(body, 0)};
}

Result<Packet> decode_body(MsgType type, Bytes body) noexcept {
    const auto exactly = [&](std::size_t size) { return body.size() == size; };
    switch (type) {
        case MsgType::advertise:
            return exactly(3) ? Result<Packet>(Advertise{octet(body, 0), word(body, 1)}) : wrong_size();
        case MsgType::searchgw:
            return exactly(1) ? Result<Packet>(SearchGw{octet(body, 0)}) : wrong_size();
        case MsgType::gwinfo:
            return body.empty() ? wrong_size() : Result<Packet>(GwInfo{octet(body, 0), body.subspan(1)});
        case MsgType::connect:
            return decode_connect(body);
        case MsgType::connack:
            return exactly(1) ? Result<Packet>(Connack{code_at(body, 0)}) : wrong_size();
        case MsgType::willtopicreq:
            return exactly(0) ? Result<Packet>(WillTopicReq{}) : wrong_size();
        case MsgType::willtopic:
            return decode_will_topic<WillTopic>(body);
        case MsgType::willmsgreq:
            return exactly(0) ? Result<Packet>(WillMsgReq{}) : wrong_size();
        case MsgType::willmsg:
            return WillMsg{body};
        case MsgType::register_:
            if (body.size() < 4) return wrong_size();
            return Register{word(body, 0), word(body, 2), as_text(body.subspan(4))};
        case MsgType::regack:
            return exactly(5) ? Result<Packet>(Regack{word(body, 0), word(body, 2), code_at(body, 4)}) : wrong_size();
        case MsgType::publish:
            return decode_publish(body);
        case MsgType::puback:
            return exactly(5) ? Result<Packet>(Puback{word(body, 0), word(body, 2), code_at(body, 4)}) : wrong_size();
        case MsgType::pubcomp:
            return exactly(2) ? Result<Packet>(Pubcomp{word(body, 0)}) : wrong_size();
        case MsgType::pubrec:
            return exactly(2) ? Result<Packet>(Pubrec{word(body, 0)}) : wrong_size();
        case MsgType::pubrel:
            return exactly(2) ? Result<Packet>(Pubrel{word(body, 0)}) : wrong_size();
        case MsgType::subscribe:
            return decode_subscribe(body);
        case MsgType::suback:
            if (!exactly(6)) return wrong_size();
            return Suback{qos_of(octet(body, 0)), word(body, 1), word(body, 3), code_at(body, 5)};
        case MsgType::unsubscribe:
            return decode_unsubscribe(body);
        case MsgType::unsuback:
            return exactly(2) ? Result<Packet>(Unsuback{word(body, 0)}) : wrong_size();
        case MsgType::pingreq:
            return Pingreq{as_text(body)};
        case MsgType::pingresp:
            return exactly(0) ? Result<Packet>(Pingresp{}) : wrong_size();
        case MsgType::disconnect:
            return decode_disconnect(body);
        case MsgType::willtopicupd:
            return decode_will_topic<WillTopicUpd>(body);
        case MsgType::willtopicresp:
            return exactly(1) ? Result<Packet>(WillTopicResp{code_at(body, 0)}) : wrong_size();
        case MsgType::willmsgupd:
            return WillMsgUpd{body};
        case MsgType::willmsgresp:
            return exactly(1) ? Result<Packet>(WillMsgResp{code_at(body, 0)}) : wrong_size();
        case MsgType::encapsulated:
            break;
    }
    return make_error_code(CodecError::reserved_type);
}

/// Writes what follows MsgType; the size is computed first so that the header form is known.
class BodyWriter {
public:
    explicit BodyWriter(Buffer& out) : out_(out) {}

    void operator()(const Advertise& p) { put(p.gw_id), put16(p.duration_s); }
    void operator()(const SearchGw& p) { put(p.radius); }
    void operator()(const GwInfo& p) { put(p.gw_id), append(p.gw_add); }
    void operator()(const Connect& p) {
        put(static_cast<std::uint8_t>((p.will ? flag::will : 0U) | (p.clean_session ? flag::clean_session : 0U)));
        put(p.protocol_id), put16(p.duration_s), append(as_bytes(p.client_id));
    }
    void operator()(const Connack& p) { put(p.code); }
    void operator()(const WillTopicReq&) {}
    void operator()(const WillTopic& p) { will_topic(p.qos, p.retain, p.topic); }
    void operator()(const WillMsgReq&) {}
    void operator()(const WillMsg& p) { append(p.message); }
    void operator()(const Register& p) { put16(p.topic_id), put16(p.msg_id), append(as_bytes(p.topic_name)); }
    void operator()(const Regack& p) { put16(p.topic_id), put16(p.msg_id), put(p.code); }
    void operator()(const Publish& p) {
        put(static_cast<std::uint8_t>((p.dup ? flag::dup : 0U) | bits_of(p.qos) | (p.retain ? flag::retain : 0U) |
                                      static_cast<unsigned>(p.type)));
        put16(p.topic_id), put16(p.msg_id), append(p.data);
    }
    void operator()(const Puback& p) { put16(p.topic_id), put16(p.msg_id), put(p.code); }
    void operator()(const Pubcomp& p) { put16(p.msg_id); }
    void operator()(const Pubrec& p) { put16(p.msg_id); }
    void operator()(const Pubrel& p) { put16(p.msg_id); }
    void operator()(const Subscribe& p) {
        put(static_cast<std::uint8_t>((p.dup ? flag::dup : 0U) | bits_of(p.qos) | static_cast<unsigned>(p.type)));
        put16(p.msg_id), topic(p);
    }
    void operator()(const Suback& p) { put(bits_of(p.qos)), put16(p.topic_id), put16(p.msg_id), put(p.code); }
    void operator()(const Unsubscribe& p) {
        put(static_cast<std::uint8_t>(p.type));
        put16(p.msg_id), topic(p);
    }
    void operator()(const Unsuback& p) { put16(p.msg_id); }
    void operator()(const Pingreq& p) { append(as_bytes(p.client_id)); }
    void operator()(const Pingresp&) {}
    void operator()(const Disconnect& p) {
        if (p.duration_s) put16(*p.duration_s);
    }
    void operator()(const WillTopicUpd& p) { will_topic(p.qos, p.retain, p.topic); }
    void operator()(const WillTopicResp& p) { put(p.code); }
    void operator()(const WillMsgUpd& p) { append(p.message); }
    void operator()(const WillMsgResp& p) { put(p.code); }

private:
    void put(std::uint8_t value) { out_.push_back(static_cast<std::byte>(value)); }
    void put(ReturnCode code) { put(static_cast<std::uint8_t>(code)); }
    void put16(std::uint16_t value) {
        put(static_cast<std::uint8_t>(value >> 8U));
        put(static_cast<std::uint8_t>(value & 0xFFU));
    }
    void append(Bytes octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
    void will_topic(Qos qos, bool retain, std::string_view topic) {
        if (topic.empty()) return;
        put(static_cast<std::uint8_t>(bits_of(qos) | (retain ? flag::retain : 0U)));
        append(as_bytes(topic));
    }
    template <class TopicPacket>
    void topic(const TopicPacket& packet) {
        if (packet.type == TopicIdType::normal) {
            append(as_bytes(packet.topic_name));
        } else if (packet.type != TopicIdType::reserved) {
            put16(packet.topic_id);
        }
    }

    Buffer& out_;
};

}  // namespace

std::string_view name_of(CodecError error) noexcept {
    const auto index = static_cast<std::size_t>(error) - 1;
    return index < error_names.size() ? error_names[index] : std::string_view();
}

const boost::system::error_category& codec_category() noexcept {
    static const CodecCategory category;
    return category;
}

Result<Packet> decode(Bytes frame) noexcept {
    if (frame.empty()) return make_error_code(CodecError::empty);
    std::size_t length = octet(frame, 0);
    std::size_t header = 2;
    if (length == 1) {
        if (frame.size() < 4) return make_error_code(CodecError::bad_length);
        length = word(frame, 1);
        header = 4;
    }
    if (length < header) return make_error_code(CodecError::bad_length);
    if (length != frame.size()) return make_error_code(CodecError::length_mismatch);
    return decode_body(static_cast<MsgType>(octet(frame, header - 1)), frame.subspan(header));
}

Result<void> encode(const Packet& packet, std::size_t limit, Buffer& out) {
    const std::size_t begin = out.size();
    // Room for the short header; the long one is rare and moves the body.
    out.resize(begin + 2);
    std::visit(BodyWriter(out), packet);
    const auto type = static_cast<std::byte>(type_of(packet));
    std::size_t total = out.size() - begin;
    if (total > 255) {
        total += 2;
        if (total <= limit && total <= 65535) {
            const std::byte header[] = {std::byte{1}, static_cast<std::byte>(total >> 8U),
                                        static_cast<std::byte>(total & 0xFFU), type};
            out.insert(out.begin() + static_cast<std::ptrdiff_t>(begin), 2, std::byte{});
            std::copy(std::begin(header), std::end(header), out.begin() + static_cast<std::ptrdiff_t>(begin));
            return {};
        }
    } else if (total <= limit) {
        out[begin] = static_cast<std::byte>(total);
        out[begin + 1] = type;
        return {};
    }
    out.resize(begin);
    return make_error_code(CodecError::too_long);
}

}  // namespace mqttsn::sn
