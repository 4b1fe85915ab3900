#include "gateway/runtime/loop_lag.hpp"

namespace mqttsn::gateway {

void LoopLag::start() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        seen_.add(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - timer_.expiry()));
        start();
    });
}

}  // namespace mqttsn::gateway
