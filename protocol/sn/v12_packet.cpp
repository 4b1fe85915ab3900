#include "protocol/sn/v12_packet.hpp"

#include <array>

namespace mqttsn::sn {

namespace {

// In the order of Packet's alternatives.
constexpr std::array types{MsgType::advertise,     MsgType::searchgw,     MsgType::gwinfo,      MsgType::connect,
                           MsgType::connack,       MsgType::willtopicreq, MsgType::willtopic,   MsgType::willmsgreq,
                           MsgType::willmsg,       MsgType::register_,    MsgType::regack,      MsgType::publish,
                           MsgType::puback,        MsgType::pubcomp,      MsgType::pubrec,      MsgType::pubrel,
                           MsgType::subscribe,     MsgType::suback,       MsgType::unsubscribe, MsgType::unsuback,
                           MsgType::pingreq,       MsgType::pingresp,     MsgType::disconnect,  MsgType::willtopicupd,
                           MsgType::willtopicresp, MsgType::willmsgupd,   MsgType::willmsgresp};
static_assert(types.size() == std::variant_size_v<Packet>);

}  // namespace

MsgType type_of(const Packet& packet) noexcept {
    return types[packet.index()];
}

std::string_view name_of(MsgType type) noexcept {
    switch (type) {
        case MsgType::advertise:
            return "ADVERTISE";
        case MsgType::searchgw:
            return "SEARCHGW";
        case MsgType::gwinfo:
            return "GWINFO";
        case MsgType::connect:
            return "CONNECT";
        case MsgType::connack:
            return "CONNACK";
        case MsgType::willtopicreq:
            return "WILLTOPICREQ";
        case MsgType::willtopic:
            return "WILLTOPIC";
        case MsgType::willmsgreq:
            return "WILLMSGREQ";
        case MsgType::willmsg:
            return "WILLMSG";
        case MsgType::register_:
            return "REGISTER";
        case MsgType::regack:
            return "REGACK";
        case MsgType::publish:
            return "PUBLISH";
        case MsgType::puback:
            return "PUBACK";
        case MsgType::pubcomp:
            return "PUBCOMP";
        case MsgType::pubrec:
            return "PUBREC";
        case MsgType::pubrel:
            return "PUBREL";
        case MsgType::subscribe:
            return "SUBSCRIBE";
        case MsgType::suback:
            return "SUBACK";
        case MsgType::unsubscribe:
            return "UNSUBSCRIBE";
        case MsgType::unsuback:
            return "UNSUBACK";
        case MsgType::pingreq:
            return "PINGREQ";
        case MsgType::pingresp:
            return "PINGRESP";
        case MsgType::disconnect:
            return "DISCONNECT";
        case MsgType::willtopicupd:
            return "WILLTOPICUPD";
        case MsgType::willtopicresp:
            return "WILLTOPICRESP";
        case MsgType::willmsgupd:
            return "WILLMSGUPD";
        case MsgType::willmsgresp:
            return "WILLMSGRESP";
        case MsgType::encapsulated:
            return "encapsulated";
    }
    return "reserved";
}

}  // namespace mqttsn::sn
