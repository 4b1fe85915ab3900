#include "gateway/core/rate_limit.hpp"
#include "gateway/runtime/log.hpp"

#include <unordered_map>

namespace mqttsn::gateway {

namespace {
constexpr std::size_t most_subjects = 20000;
}

class LogLimit::Subjects {
public:
    struct Subject {
        RateLimit limit;
        std::uint64_t suppressed = 0;
    };
    RateLimit fresh;
    std::unordered_map<std::string, Subject> list;
};

LogLimit::LogLimit(double per_second, std::uint32_t burst)
    : subjects_(std::make_unique<Subjects>(Subjects{RateLimit(per_second, burst), {}})) {}
LogLimit::~LogLimit() = default;

LogLimit::Verdict LogLimit::judge(std::string_view subject, TimePoint now) {
    auto& list = subjects_->list;
    std::string key(subject);
    auto it = list.find(key);
    if (it == list.end()) {
        // Forgetting everybody lets some lines more through, which is better than growing.
        if (list.size() >= most_subjects) list.clear();
        it = list.emplace(std::move(key), Subjects::Subject{subjects_->fresh, 0}).first;
    }
    Subjects::Subject& known = it->second;
    if (!known.limit.allow(now)) {
        ++known.suppressed;
        return {false, 0};
    }
    return {true, std::exchange(known.suppressed, 0)};
}

}  // namespace mqttsn::gateway
