#include "transports/framing/cobs.hpp"

namespace mqttsn::transports {

namespace {

constexpr std::byte delimiter{0x00};
constexpr std::size_t full_block = 0xFF;  // 254 octets without zero, and none behind them

/// Writes blocks into `wire`; the code of the last one is filled in when it ends.
class BlockWriter {
public:
    explicit BlockWriter(Buffer& wire) : wire_(wire) { open(); }

    void put(std::byte octet) {
        // A full block is closed only when something follows, so that a frame never ends in an empty one.
        if (wire_.size() - code_at_ == full_block) open();
        if (octet == delimiter) {
            open();
        } else {
            wire_.push_back(octet);
            wire_[code_at_] = static_cast<std::byte>(wire_.size() - code_at_);
        }
    }

private:
    void open() {
        code_at_ = wire_.size();
        wire_.push_back(std::byte{1});
    }

    Buffer& wire_;
    std::size_t code_at_ = 0;
};

}  // namespace

void CobsFraming::encode(Bytes frame, Buffer& wire) const {
    BlockWriter blocks(wire);
    frame_.check().for_each_octet(frame, [&](std::byte octet) { blocks.put(octet); });
    wire.push_back(delimiter);
}

void CobsFraming::receive(Bytes octets, TimePoint /*now*/, FrameList& frames) {
    for (const std::byte each : octets) {
        if (each == delimiter) {
            if (block_left_ > 0) frame_.spoil(frame_.counters().framing_errors);
            frame_.finish(frames);
            begin();
        } else if (block_left_ > 0) {
            --block_left_;
            frame_.put(each);
        } else {
            if (zero_follows_) frame_.put(delimiter);
            block_left_ = static_cast<std::size_t>(each) - 1;
            zero_follows_ = static_cast<std::size_t>(each) != full_block;
        }
    }
}

void CobsFraming::begin() noexcept {
    block_left_ = 0;
    zero_follows_ = false;
}

void CobsFraming::reset() noexcept {
    frame_.drop();
    begin();
}

}  // namespace mqttsn::transports
