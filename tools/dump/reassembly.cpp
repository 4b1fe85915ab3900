#include "tools/dump/reassembly.hpp"

#include <algorithm>

namespace mqttsn::tools {

namespace {

constexpr std::size_t longest_packet = 65535;

}  // namespace

Found Reassembly::add(const Fragment& fragment) {
    const auto found = packet_of(fragment);
    Packet& packet = found->second;
    const std::size_t end = fragment.offset + fragment.octets.size();
    if (!packet.parts.emplace(fragment.offset, Buffer(fragment.octets.begin(), fragment.octets.end())).second) {
        return {};  // a repetition
    }
    packet.octets += fragment.octets.size();
    if (fragment.is_last) packet.size = end;
    if (std::max(packet.octets, end) > longest_packet) {
        give_up(found);
        return {};
    }
    if (packet.octets != packet.size) return {};
    whole_.clear();
    for (const auto& [offset, part] : packet.parts) {
        if (offset != whole_.size()) return {};
        whole_.insert(whole_.end(), part.begin(), part.end());
    }
    packets_.erase(found);
    addresses_.assign(fragment.from.begin(), fragment.from.end());
    addresses_.insert(addresses_.end(), fragment.to.begin(), fragment.to.end());
    const Bytes addresses = addresses_;
    const std::size_t half = fragment.from.size();
    return find_udp(Fragment{addresses.first(half), addresses.subspan(half), fragment.id, 0, true, whole_});
}

std::uint64_t Reassembly::left_over() const noexcept {
    std::uint64_t count = given_up_;
    for (const auto& [key, packet] : packets_)
        count += packet.parts.size();
    return count;
}

Reassembly::Packets::iterator Reassembly::packet_of(const Fragment& fragment) {
    std::string key(as_text(fragment.from));
    key += as_text(fragment.to);
    key += std::to_string(fragment.id);
    const auto found = packets_.find(key);
    if (found != packets_.end()) return found;
    if (packets_.size() == most_packets) {
        give_up(std::ranges::min_element(packets_, {}, [](const auto& each) { return each.second.number; }));
    }
    const auto made = packets_.emplace(std::move(key), Packet{}).first;
    made->second.number = ++begun_;
    return made;
}

void Reassembly::give_up(Packets::iterator packet) {
    given_up_ += packet->second.parts.size();
    packets_.erase(packet);
}

}  // namespace mqttsn::tools
