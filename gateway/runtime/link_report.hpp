// What links and devices have counted, as lines for the log.
#pragma once

#include "gateway/core/signal_quality.hpp"
#include "transports/transport.hpp"

#include <memory>

namespace mqttsn::gateway {

/// Zeros are left out of what only some links count.
std::string describe(const transports::Transport& link);

/// One line per link with signals: how many devices, their mean, the weakest.
std::vector<std::string> summarize(const std::vector<DeviceSignal>& signals,
                                   const std::vector<std::unique_ptr<transports::Transport>>& links);

/// One line per device, the weakest first; at most `limit`, then how many are left out.
std::vector<std::string> describe(std::vector<DeviceSignal> signals, std::size_t limit);

}  // namespace mqttsn::gateway
