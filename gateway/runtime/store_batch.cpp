#include "gateway/runtime/store_batch.hpp"

#include <algorithm>
#include <map>

namespace mqttsn::gateway {

namespace {

constexpr std::size_t kept_capacity = 1U << 20;  // a rare mountain of work must not occupy memory for ever

}  // namespace

void StoreBatch::add(std::span<const StoreOp> more, Bytes images) {
    for (StoreOp op : more) {
        if (op.action == StoreOp::Action::put) {
            const Bytes image = images.subspan(op.offset, op.size);
            op.offset = octets.size();
            octets.insert(octets.end(), image.begin(), image.end());
        }
        ops.push_back(op);
    }
}

void StoreBatch::collapse() {
    if (ops.size() < 2) return;
    std::map<std::uint32_t, std::size_t> erased_at;  // session -> index of the last operation that erased it
    for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].action == StoreOp::Action::erase_session) erased_at[ops[i].key.session] = i;
    }
    std::vector<std::size_t> order;
    order.reserve(ops.size());
    for (std::size_t i = 0; i < ops.size(); ++i) {
        if (ops[i].action == StoreOp::Action::erase_session) continue;
        const auto erased = erased_at.find(ops[i].key.session);
        if (erased == erased_at.end() || erased->second < i) order.push_back(i);
    }
    std::ranges::sort(order, [this](std::size_t a, std::size_t b) {
        return ops[a].key == ops[b].key ? a < b : ops[a].key < ops[b].key;
    });

    StoreBatch rest;
    rest.ops.reserve(erased_at.size() + order.size());
    for (const auto& [session, index] : erased_at)
        rest.ops.push_back(ops[index]);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const StoreOp& op = ops[order[i]];
        const bool is_last_of_key = i + 1 == order.size() || ops[order[i + 1]].key != op.key;
        const bool is_gone_already = op.action == StoreOp::Action::erase && erased_at.contains(op.key.session);
        if (is_last_of_key && !is_gone_already) rest.add({&op, 1}, octets);
    }
    *this = std::move(rest);
}

void StoreBatch::clear() noexcept {
    ops.clear();
    octets.clear();
    if (octets.capacity() > kept_capacity) Buffer().swap(octets);
    if (ops.capacity() * sizeof(StoreOp) > kept_capacity) std::vector<StoreOp>().swap(ops);
}

}  // namespace mqttsn::gateway
