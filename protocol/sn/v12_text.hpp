// Messages as text: the fields of each message type by name, for people, logs and scripts. Pure.
#pragma once

#include "protocol/sn/forwarder.hpp"

#include <string>

namespace mqttsn::sn {

/// A number that has a word: a return code, a TopicIdType.
struct Coded {
    int code = 0;
    std::string_view meaning;
};
/// What a sender had to say, text or not: Data, WillMsg.
struct Content {
    Bytes octets;
};
/// Octets that name something: GwAdd, WirelessNodeId.
struct NodeAddress {
    Bytes octets;
};
/// A std::string is a name that should be UTF-8 but need not be: a client id, a topic.
using FieldValue = std::variant<bool, int, Coded, std::string, Content, NodeAddress>;

struct Field {
    std::string_view name;  ///< "msg_id": the specification's name
    FieldValue value;
    bool is_usual = false;  ///< tells nothing new, so that the one-line form leaves it out
};

/// One message, or one forwarder header. Views into the frame that it was made from.
struct MessageText {
    MsgType type = MsgType::advertise;
    std::vector<Field> fields;  ///< in the order of the wire; all of them
};

MessageText text_of(const Packet& packet);
MessageText text_of(const Encapsulated& header);

/// A whole datagram.
struct FrameText {
    std::vector<MessageText> layers;  ///< forwarder headers, outermost first; then the message, if there is no error
    boost::system::error_code error;  ///< why the rest is not a message (CodecError)
    std::string reason;               ///< the same in words, with the numbers that differ
    Bytes rest;                       ///< the octets that `error` is about
};
FrameText describe(Bytes frame);

/// An undecodable rest for one line: "malformed (the reason): hex", long ones cut.
std::string malformed_line(std::string_view reason, Bytes rest);

/// "PUBLISH qos=1 topic_id=5 msg_id=2 data="x"": without what is usual, long content cut.
std::string one_line(const MessageText& message);
/// The layers joined by " | "; the undecodable rest as "malformed (the reason): hex".
std::string one_line(const FrameText& frame);

/// A value with at most `longest` octets of content, control characters escaped: nothing that it prints can move the
/// cursor of a terminal.
std::string to_string(const FieldValue& value, std::size_t longest);

/// "accepted", "congestion", "invalid_topic_id", "not_supported"; "reserved" for others (SN 5.3.10).
std::string_view name_of(ReturnCode code) noexcept;
/// "normal", "predefined", "short", "reserved" (SN 5.3.4).
std::string_view name_of(TopicIdType type) noexcept;

}  // namespace mqttsn::sn
