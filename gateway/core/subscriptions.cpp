#include "gateway/core/subscriptions.hpp"

#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::gateway {

void Subscriptions::add(Subscription subscription) {
    ++revision_;
    std::erase_if(suppressed_, [&](const std::string& name) { return matches(subscription.filter, name); });
    const auto same = std::ranges::find(list_, subscription.filter, &Subscription::filter);
    if (same == list_.end()) {
        list_.push_back(std::move(subscription));
    } else {
        *same = std::move(subscription);
    }
}

void Subscriptions::remove(std::string_view filter) {
    ++revision_;
    std::erase_if(list_, [&](const Subscription& each) { return each.filter == filter; });
    if (!has_wildcard(filter)) return;
    std::erase_if(suppressed_, [&](const std::string& name) { return matches(filter, name); });
}

void Subscriptions::clear() noexcept {
    ++revision_;
    list_.clear();
    suppressed_.clear();
}

bool Subscriptions::contains(std::string_view filter) const noexcept {
    return std::ranges::find(list_, filter, &Subscription::filter) != list_.end();
}

bool Subscriptions::covers(std::string_view name) const noexcept {
    return std::ranges::any_of(list_, [&](const Subscription& each) { return matches(each.filter, name); });
}

std::optional<sn::TopicId> Subscriptions::predefined_id(std::string_view name) const noexcept {
    const auto found = std::ranges::find_if(
        list_, [&](const Subscription& each) { return each.predefined.has_value() && each.filter == name; });
    return found == list_.end() ? std::nullopt : found->predefined;
}

void Subscriptions::forget_predefined(sn::TopicId id) noexcept {
    ++revision_;
    for (auto& each : list_) {
        if (each.predefined == id) each.predefined.reset();
    }
}

void Subscriptions::suppress(std::string_view name, std::size_t limit) {
    if (is_suppressed(name)) return;
    ++revision_;
    if (suppressed_.size() >= limit && !suppressed_.empty()) suppressed_.erase(suppressed_.begin());
    suppressed_.emplace_back(name);
}

bool Subscriptions::is_suppressed(std::string_view name) const noexcept {
    return std::ranges::find(suppressed_, name) != suppressed_.end();
}

}  // namespace mqttsn::gateway
