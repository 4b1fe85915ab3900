// Invariant: what is found in a packet lies within it, and is found again, the same, in the packet that we write of it.
#include "tests/fuzz/fuzz.hpp"
#include "tools/dump/pcapng_writer.hpp"
#include "tools/dump/reassembly.hpp"

namespace {

using namespace mqttsn;
using namespace mqttsn::tools;
using fuzz::require;

constexpr int link_types[] = {0, 1, 12, 14, 101, 108, 113, 228, 229, 276};

bool is_same(const UdpDatagram& a, const UdpDatagram& b) {
    return to_string(a.from) == to_string(b.from) && to_string(a.to) == to_string(b.to) && a.real_size == b.real_size &&
           std::ranges::equal(a.payload, b.payload);
}

void check_datagram(const UdpDatagram& datagram) {
    require(datagram.payload.size() <= datagram.real_size, "there is not more payload than the datagram has");
    require(datagram.from.is_v6() == datagram.to.is_v6(), "both ends are of one family");
    Buffer block;
    const bool is_written = append_pcapng_packet({}, datagram, block).has_value();
    // With options or an extension in front, a datagram may be the longest only in its own packet.
    require(is_written == (datagram.real_size <= (datagram.from.is_v6() ? 65527U : 65507U)), "it fits or is refused");
    if (!is_written) return require(block.empty(), "what is refused leaves nothing");
    require(block.size() % 4 == 0, "blocks are aligned");
    constexpr std::size_t before = 28;
    constexpr std::size_t raw_ip = 101;
    const std::size_t header = datagram.from.is_v6() ? 48 : 28;
    const Found again = find_udp(raw_ip, Bytes(block).subspan(before, header + datagram.payload.size()));
    require(again.what == Found::What::udp && is_same(again.datagram, datagram), "writing and reading gives the same");
}

bool is_within(Bytes part, Bytes whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

// The link type, then packets with their lengths in front.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const int link_type = link_types[input.octet() % std::size(link_types)];
    Reassembly reassembly;
    while (!input.empty()) {
        // A copy of its own size, so that the sanitizer sees a step beyond the end.
        const Bytes taken = input.take(input.word());
        const Buffer packet(taken.begin(), taken.end());
        Found found = find_udp(link_type, packet);
        if (found.what == Found::What::fragment) {
            require(is_within(found.fragment.octets, packet), "a fragment lies within its packet");
            found = reassembly.add(found.fragment);
            require(found.what != Found::What::fragment, "fragments of fragments there are not");
        } else if (found.what == Found::What::udp) {
            require(is_within(found.datagram.payload, packet), "a payload lies within its packet");
        }
        if (found.what == Found::What::udp) check_datagram(found.datagram);
    }
    return 0;
}
