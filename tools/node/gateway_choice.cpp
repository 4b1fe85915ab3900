#include "tools/node/gateway_choice.hpp"

#include <algorithm>

namespace mqttsn::node {

namespace {

constexpr std::uint32_t most_tries = 2;

}  // namespace

std::optional<KnownGateway> GatewayChoice::next(const std::vector<KnownGateway>& gateways) {
    const auto known = [&](const Address& address) { return std::ranges::find(tried_, address, &Tried::address); };
    // The memory is as bounded as the list is.
    std::erase_if(tried_, [&](const Tried& each) {
        return std::ranges::find(gateways, each.address, &KnownGateway::address) == gateways.end();
    });
    const KnownGateway* best = nullptr;
    std::uint64_t best_turn = 0;
    for (const KnownGateway& each : gateways) {
        const auto tried = known(each.address);
        const bool is_new = tried == tried_.end();
        if (!is_new && tried->times >= most_tries) continue;
        const std::uint64_t turn = is_new ? 0 : tried->turn;
        if (best == nullptr || turn < best_turn) {
            best = &each;
            best_turn = turn;
        }
    }
    if (best == nullptr) return std::nullopt;
    if (known(best->address) == tried_.end()) tried_.push_back({best->address, 0, 0});
    Tried& tried = *known(best->address);
    tried.turn = ++turn_;
    ++tried.times;
    return *best;
}

void GatewayChoice::succeeded() {
    for (Tried& each : tried_)
        each.times = each.turn == turn_ ? 1 : 0;
}

}  // namespace mqttsn::node
