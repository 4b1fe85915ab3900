// Everything that a run leaves to chance: one seed, one sequence of choices.
#pragma once

#include "gateway/core/random.hpp"
#include "protocol/types.hpp"

#include <vector>

namespace mqttsn::simulation {

class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : random_(seed) {}

    bool chance(double probability) noexcept {
        return static_cast<double>(random_.next() >> 11U) * 0x1.0p-53 < probability;
    }
    std::uint64_t below(std::uint64_t bound) noexcept { return random_.below(bound); }
    /// Both included.
    int between(int least, int most) noexcept {
        return least + static_cast<int>(random_.below(static_cast<std::uint64_t>(most - least) + 1));
    }
    Duration between(Duration least, Duration most) noexcept {
        return least + Duration(static_cast<Duration::rep>(
                           random_.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
    }
    template <class T>
    const T& pick(const std::vector<T>& list) noexcept {
        return list[random_.below(list.size())];
    }
    /// Independent of how much the others use theirs.
    Dice split() noexcept { return Dice(random_.next()); }

private:
    gateway::Random random_;
};

}  // namespace mqttsn::simulation
