#include "transports/memory.hpp"

namespace mqttsn::transports {

Result<void> MemoryTransport::start(FrameHandler& handler) {
    handler_ = &handler;
    return {};
}

bool MemoryTransport::send(const Address& to, Bytes frame, FrameToken /*token*/) {
    return enqueue({to, 0, Buffer(frame.begin(), frame.end())});
}

bool MemoryTransport::broadcast(std::uint8_t radius, Bytes frame) {
    return enqueue({std::nullopt, radius, Buffer(frame.begin(), frame.end())});
}

bool MemoryTransport::enqueue(Sent sent) {
    if (sent_.size() >= limit_) {
        ++counters_.send_queue_full;
        return false;
    }
    ++counters_.frames_out;
    counters_.octets_out += sent.frame.size();
    sent_.push_back(std::move(sent));
    return true;
}

void MemoryTransport::deliver(std::string_view from, Bytes frame) {
    if (handler_ == nullptr) return;
    ++counters_.frames_in;
    counters_.octets_in += frame.size();
    handler_->on_frame({{link_, Address(as_bytes(from))}, std::nullopt}, frame);
    if (handler_ != nullptr) handler_->on_batch_end();
}

std::optional<MemoryTransport::Sent> MemoryTransport::take() {
    if (sent_.empty()) return std::nullopt;
    Sent first = std::move(sent_.front());
    sent_.pop_front();
    return first;
}

}  // namespace mqttsn::transports
