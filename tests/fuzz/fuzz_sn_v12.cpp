// Invariant: what decodes is encoded again to a frame that decodes to an equal value; an unwrapped forwarder frame is
// rebuilt; text and packet agree about what is malformed, and no text has a control character.
#include "protocol/sn/v12_text.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/support/sn_packet_table.hpp"

namespace {

using namespace mqttsn;
using fuzz::require;

void check_message(Bytes frame) {
    const auto packet = sn::decode(frame);
    if (!packet) return;
    Buffer again;
    require(sn::encode(*packet, 65535, again).has_value(), "a decoded packet can be encoded");
    require(again.size() <= frame.size(), "the encoder never needs more room than the sender did");
    const auto second = sn::decode(again);
    require(second.has_value(), "an encoded packet decodes");
    require(test::is_equal(*packet, *second), "decode, encode, decode gives the same value");

    Buffer limited{std::byte{0xAA}};
    require(!sn::encode(*packet, again.size() - 1, limited).has_value(), "the limit holds");
    require(limited.size() == 1, "nothing is appended when the limit is exceeded");
}

Bytes check_header(Bytes frame) {
    const auto outer = sn::decode_encapsulated(frame);
    if (!outer) return {};
    require(!outer->node_id.empty() && outer->node_id.size() <= 252, "a node id has 1-252 octets");
    require(!outer->inner.empty(), "there is an inner message");
    Buffer again;
    sn::append_encapsulation(outer->radius, outer->node_id, again);
    again.insert(again.end(), outer->inner.begin(), outer->inner.end());
    require(again.size() == frame.size(), "header and inner message fill the datagram");
    again[2] = frame[2];  // reserved bits of Ctrl are ignored
    require(std::equal(again.begin(), again.end(), frame.begin()), "unwrapping and wrapping gives the same frame");
    return outer->inner;
}

void check_text(Bytes frame, bool decodes) {
    const auto text = sn::describe(frame);
    require(decodes != text.error.failed(), "the text has an error exactly if the frame has one");
    require(text.error.failed() != text.reason.empty(), "an error has a reason");
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    require(std::ranges::none_of(sn::one_line(text), is_control), "a frame is one line, without control characters");
    for (const auto& layer : text.layers) {
        for (const auto& field : layer.fields)
            require(std::ranges::none_of(sn::to_string(field.value, 8), is_control), "no value has control characters");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes whole = fuzz::Input(data, size).rest();
    Bytes frame = whole;
    bool decodes = false;
    while (!frame.empty()) {
        check_message(frame);
        decodes = sn::decode(frame).has_value();
        frame = check_header(frame);
    }
    check_text(whole, decodes);
    return 0;
}
