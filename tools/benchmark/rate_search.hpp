// The highest rate that holds: doubles until one does not, then halves the gap until it is small.
#pragma once

namespace mqttsn::tools::benchmark {

class RateSearch {
public:
    static constexpr double lowest = 1;        ///< messages per second; below, nothing holds
    static constexpr double precision = 0.05;  ///< of the result

    explicit RateSearch(double first) : rate_(first) {}

    double rate() const noexcept { return rate_; }  ///< to try next
    void held();
    void failed();
    bool is_over() const noexcept { return is_over_; }
    double best() const noexcept { return best_; }  ///< highest that held; 0 = none did

private:
    void next();

    double rate_;
    double best_ = 0;
    double too_high_ = 0;  // 0 = not known yet
    bool is_over_ = false;
};

}  // namespace mqttsn::tools::benchmark
