// Invariant: what decodes is encoded again to a frame that decodes to an equal value; an unwrapped forwarder frame is
// rebuilt.
#include "protocol/sn/forwarder.hpp"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes frame = fuzz::Input(data, size).rest();
    while (!frame.empty()) {
        check_message(frame);
        frame = check_header(frame);
    }
    return 0;
}
