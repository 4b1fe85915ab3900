#include "transports/radio/transmit_queue.hpp"

#include "protocol/sn/forwarder.hpp"
#include "protocol/sn/v12_codec.hpp"

#include <algorithm>
#include <cassert>

namespace mqttsn::transports {

namespace {

constexpr std::byte dup_flag{0x80};
constexpr std::byte qos_flags{0x60};

struct Peeled {
    Bytes message;
    std::size_t header = 0;  ///< octets of forwarder headers in front of it
};

Peeled peel(Bytes frame) noexcept {
    std::size_t header = 0;
    while (sn::is_encapsulated(frame.subspan(header))) {
        const auto size = static_cast<std::size_t>(frame[header]);
        if (size < 3 || size >= frame.size() - header) break;
        header += size;
    }
    return {frame.subspan(header), header};
}

/// Index of the MsgType: behind a 1-octet or a 3-octet Length.
std::size_t type_index(Bytes message) noexcept {
    return !message.empty() && message[0] == std::byte{1} ? 3 : 1;
}

std::optional<sn::MsgType> type_of(Bytes message) noexcept {
    const std::size_t at = type_index(message);
    if (message.size() <= at) return std::nullopt;
    return static_cast<sn::MsgType>(message[at]);
}

bool is_publish(Bytes message) noexcept {
    return type_of(message) == sn::MsgType::publish && message.size() > type_index(message) + 1;
}

/// The MsgId of a PUBLISH with QoS 2 or of its PUBREL.
std::optional<sn::MsgId> exactly_once_id(Bytes message, sn::MsgType wanted) noexcept {
    if (type_of(message) != wanted) return std::nullopt;
    const auto packet = sn::decode(message);
    if (!packet) return std::nullopt;
    if (const auto* release = std::get_if<sn::Pubrel>(&*packet)) return release->msg_id;
    const auto* publish = std::get_if<sn::Publish>(&*packet);
    if (publish == nullptr || publish->qos != Qos::exactly_once) return std::nullopt;
    return publish->msg_id;
}

TransmitClass class_of(Bytes message) noexcept {
    if (type_of(message) == sn::MsgType::advertise) return TransmitClass::advertise;
    if (!is_publish(message)) return TransmitClass::control;
    const std::byte qos = message[type_index(message) + 1] & qos_flags;
    return qos == std::byte{0x20} || qos == std::byte{0x40} ? TransmitClass::reliable : TransmitClass::unreliable;
}

/// Equal but for DUP, which a retransmission sets (SN 6.13).
bool is_same_frame(Bytes a, Bytes b, std::size_t flags_at) noexcept {
    if (a.size() != b.size()) return false;
    if (flags_at >= a.size()) return std::ranges::equal(a, b);
    return std::ranges::equal(a.first(flags_at), b.first(flags_at)) &&
           (a[flags_at] | dup_flag) == (b[flags_at] | dup_flag) &&
           std::ranges::equal(a.subspan(flags_at + 1), b.subspan(flags_at + 1));
}

bool has_promise(TransmitClass rank) noexcept {
    return rank < TransmitClass::unreliable;
}

Buffer key_of(const OutgoingFrame& frame) {
    Buffer key;
    if (frame.broadcast) return key;
    const Bytes address = frame.to.octets();
    key.push_back(static_cast<std::byte>(address.size()));
    key.insert(key.end(), address.begin(), address.end());
    const Bytes headers = frame.frame.first(peel(frame.frame).header);
    for (std::size_t at = 0; at < headers.size(); at += static_cast<std::size_t>(headers[at])) {
        const Bytes id = headers.subspan(at + 3, static_cast<std::size_t>(headers[at]) - 3);
        key.push_back(static_cast<std::byte>(id.size()));
        key.insert(key.end(), id.begin(), id.end());
    }
    return key;
}

}  // namespace

TransmitClass transmit_class(Bytes frame) noexcept {
    return class_of(peel(frame).message);
}

TransmitClass TransmitQueue::Node::best() const noexcept {
    return std::ranges::min_element(waiting, {}, &Waiting::rank)->rank;
}

std::size_t TransmitQueue::Node::first_to_leave() const noexcept {
    // Only what stands in front of the first frame that keeps its place can be chosen, or this frame when it is first.
    const auto barrier = std::ranges::find(waiting, true, &Waiting::keeps_place);
    if (barrier == waiting.begin()) return 0;
    const auto found =
        std::min_element(waiting.begin(), barrier, [](const Waiting& a, const Waiting& b) { return a.rank < b.rank; });
    return static_cast<std::size_t>(found - waiting.begin());
}

const TransmitQueue::Waiting* TransmitQueue::find_same(const Node& node, const OutgoingFrame& frame) const noexcept {
    const auto [message, header] = peel(frame.frame);
    if (class_of(message) == TransmitClass::unreliable) return nullptr;
    const std::size_t flags_at = is_publish(message) ? header + type_index(message) + 1 : frame.frame.size();
    const auto found = std::ranges::find_if(node.waiting, [&](const Waiting& each) {
        return each.radius == frame.radius && is_same_frame(each.frame, frame.frame, flags_at);
    });
    return found == node.waiting.end() ? nullptr : &*found;
}

std::optional<TransmitQueue::Place> TransmitQueue::find_victim(TransmitClass rank,
                                                               std::optional<std::size_t> only_node) const noexcept {
    for (const auto victim : {TransmitClass::advertise, TransmitClass::unreliable, TransmitClass::reliable}) {
        // Of equals the older reading gives way to the newer one; a promise never gives way to another.
        if (victim < rank || (victim == rank && has_promise(rank))) return std::nullopt;
        const auto count = [&](const Node& node) { return std::ranges::count(node.waiting, victim, &Waiting::rank); };
        const auto longest = static_cast<std::size_t>(std::ranges::max_element(nodes_, {}, count) - nodes_.begin());
        const Place place{only_node.value_or(longest), 0};
        const auto& waiting = nodes_[place.node].waiting;
        if (count(nodes_[place.node]) == 0) continue;
        // With a promise the newest goes: the others keep their order, and it will be sent again.
        if (has_promise(victim)) {
            const auto newest = std::ranges::find(waiting.rbegin(), waiting.rend(), victim, &Waiting::rank);
            return Place{place.node, static_cast<std::size_t>(waiting.rend() - newest) - 1};
        }
        const auto oldest = std::ranges::find(waiting, victim, &Waiting::rank);
        return Place{place.node, static_cast<std::size_t>(oldest - waiting.begin())};
    }
    return std::nullopt;
}

bool TransmitQueue::make_room(std::size_t node, std::size_t size, TransmitClass rank,
                              std::vector<FrameToken>& dropped) {
    while (true) {
        const Node& own = nodes_[node];
        const bool is_node_full = own.waiting.size() + 1 > limits_.frames_per_node ||  //
                                  own.octets + size > limits_.octets_per_node;
        if (!is_node_full && frames_ + 1 <= limits_.frames && octets_ + size <= limits_.octets) return true;
        const auto victim = find_victim(rank, is_node_full ? std::optional(node) : std::nullopt);
        if (!victim) return false;
        dropped.push_back(nodes_[victim->node].waiting[victim->index].token);
        ++counters_.displaced;
        erase(*victim);
    }
}

// PUBREL would overtake a repeated PUBLISH that waits, and to its receiver that would be another message (SN 6.13).
void TransmitQueue::drop_released(std::size_t node, Bytes message, std::vector<FrameToken>& dropped) {
    const auto released = exactly_once_id(message, sn::MsgType::pubrel);
    if (!released) return;
    for (std::size_t index = 0; index < nodes_[node].waiting.size();) {
        const Waiting& each = nodes_[node].waiting[index];
        if (exactly_once_id(peel(each.frame).message, sn::MsgType::publish) != released) {
            ++index;
            continue;
        }
        dropped.push_back(each.token);
        ++counters_.duplicates;
        erase({node, index});
    }
}

TransmitQueue::Pushed TransmitQueue::push(const OutgoingFrame& frame, TimePoint now, std::vector<FrameToken>& dropped) {
    const Buffer key = key_of(frame);
    auto node = std::ranges::find(nodes_, key, &Node::key);
    if (node != nodes_.end()) {
        if (const Waiting* same = find_same(*node, frame); same != nullptr) {
            ++counters_.duplicates;
            return {Outcome::duplicate, same->token};
        }
    }
    const std::size_t size = frame.frame.size();
    const Bytes message = peel(frame.frame).message;
    const TransmitClass rank = class_of(message);
    if (node != nodes_.end()) drop_released(static_cast<std::size_t>(node - nodes_.begin()), message, dropped);
    if (node == nodes_.end()) node = nodes_.insert(nodes_.end(), Node{key, {}, 0});
    const auto index = static_cast<std::size_t>(node - nodes_.begin());
    const bool can_fit = size <= std::min(limits_.octets, limits_.octets_per_node);
    if (!can_fit || !make_room(index, size, rank, dropped)) {
        ++counters_.refused;
        remove_idle_nodes();
        return {};
    }
    const auto type = type_of(message);
    const bool keeps_place = type == sn::MsgType::pingresp || type == sn::MsgType::disconnect;
    Node& place = nodes_[index];
    place.waiting.push_back({frame.token, rank, keeps_place, frame.broadcast, frame.radius, frame.to,
                             Buffer(frame.frame.begin(), frame.frame.end()), now});
    place.octets += size;
    octets_ += size;
    counters_.most_frames = std::max(counters_.most_frames, ++frames_);
    ++counters_.queued;
    remove_idle_nodes();
    return {Outcome::queued, frame.token};
}

void TransmitQueue::expire(TimePoint now, std::vector<FrameToken>& dropped) {
    if (limits_.patience == Duration::zero()) return;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        for (std::size_t index = 0; index < nodes_[node].waiting.size();) {
            const Waiting& each = nodes_[node].waiting[index];
            if (has_promise(each.rank) || each.since + limits_.patience > now) {
                ++index;
                continue;
            }
            dropped.push_back(each.token);
            ++counters_.expired;
            erase({node, index});
        }
    }
    remove_idle_nodes();
}

std::optional<TimePoint> TransmitQueue::next_expiry() const noexcept {
    std::optional<TimePoint> earliest;
    if (limits_.patience == Duration::zero()) return earliest;
    for (const Node& node : nodes_) {
        for (const Waiting& each : node.waiting) {
            if (has_promise(each.rank)) continue;
            if (!earliest || each.since + limits_.patience < *earliest) earliest = each.since + limits_.patience;
        }
    }
    return earliest;
}

std::optional<TransmitQueue::Place> TransmitQueue::next_place() const noexcept {
    if (nodes_.empty()) return std::nullopt;
    // A node is as urgent as the best of its frames, even where another has to leave in front of that one.
    const auto node = std::ranges::min_element(nodes_, {}, [](const Node& each) { return each.best(); });
    return Place{static_cast<std::size_t>(node - nodes_.begin()), node->first_to_leave()};
}

std::optional<OutgoingFrame> TransmitQueue::next() const noexcept {
    const auto place = next_place();
    if (!place) return std::nullopt;
    const Waiting& each = nodes_[place->node].waiting[place->index];
    return OutgoingFrame{each.token, each.broadcast, each.radius, each.to, each.frame};
}

void TransmitQueue::pop() {
    const auto place = next_place();
    assert(place);
    if (!place) return;
    erase(*place);
    const auto node = nodes_.begin() + static_cast<std::ptrdiff_t>(place->node);
    std::rotate(node, node + 1, nodes_.end());
    remove_idle_nodes();
}

void TransmitQueue::clear(std::vector<FrameToken>& dropped) {
    for (const Node& node : nodes_) {
        for (const Waiting& each : node.waiting)
            dropped.push_back(each.token);
    }
    nodes_.clear();
    frames_ = octets_ = 0;
}

void TransmitQueue::erase(Place place) {
    Node& node = nodes_[place.node];
    const auto found = node.waiting.begin() + static_cast<std::ptrdiff_t>(place.index);
    node.octets -= found->frame.size();
    octets_ -= found->frame.size();
    --frames_;
    node.waiting.erase(found);
}

void TransmitQueue::remove_idle_nodes() {
    std::erase_if(nodes_, [](const Node& node) { return node.waiting.empty(); });
}

}  // namespace mqttsn::transports
