#include "gateway/core/predefined_topics.hpp"

namespace mqttsn::gateway {

// The classic two-pointer match: on a mismatch the last `*` takes one octet more.
bool fits_pattern(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

PredefinedTopics::PredefinedTopics(const std::vector<PredefinedTopic>& topics) {
    for (const auto& topic : topics)
        by_id_.emplace(topic.id, topic);
}

std::string_view PredefinedTopics::find(std::string_view client_id, sn::TopicId id) const noexcept {
    enum Rank { none, gateway_wide, pattern, exact };
    Rank best = none;
    std::string_view name;
    const auto [begin, end] = by_id_.equal_range(id);
    for (auto it = begin; it != end; ++it) {
        const PredefinedTopic& topic = it->second;
        Rank rank = none;
        if (topic.clients == "*") {
            rank = gateway_wide;
        } else if (client_id.empty()) {
            continue;
        } else if (topic.clients == client_id) {
            rank = exact;
        } else if (fits_pattern(topic.clients, client_id)) {
            rank = pattern;
        }
        if (rank > best) {
            best = rank;
            name = topic.name;
        }
    }
    return name;
}

}  // namespace mqttsn::gateway
