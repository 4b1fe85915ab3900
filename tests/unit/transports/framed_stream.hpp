// A framing fed in virtual time, for the tests of framings.
#pragma once

#include "tests/support/hex.hpp"
#include "tests/support/link_vectors.hpp"

#include <algorithm>
#include <string>

namespace mqttsn::test {

inline Buffer joined(std::initializer_list<Buffer> parts) {
    Buffer all;
    for (const auto& each : parts)
        all.insert(all.end(), each.begin(), each.end());
    return all;
}

class FramedStream {
public:
    FramedStream(transports::FramingKind kind, const transports::FramingOptions& options)
        : framing_(transports::make_framing(kind, options)) {}
    explicit FramedStream(const FramingVariant& variant) : FramedStream(variant.kind, variant.options) {}

    /// Each chunk in a buffer of its own size, so that a sanitizer sees a step beyond its end.
    FramedStream& feed(Bytes octets, std::size_t chunk) {
        for (std::size_t at = 0; at < octets.size(); at += chunk) {
            const Bytes some = octets.subspan(at, std::min(chunk, octets.size() - at));
            const Buffer fed(some.begin(), some.end());
            framing_->receive(fed, now_, list_);
        }
        take();
        return *this;
    }
    FramedStream& feed(Bytes octets) { return feed(octets, std::max<std::size_t>(octets.size(), 1)); }
    FramedStream& feed(std::string_view text) { return feed(hex(text)); }
    /// So long that every gap has passed.
    FramedStream& silence(Duration duration = std::chrono::seconds(10)) {
        now_ += duration;
        framing_->timeout(now_, list_);
        take();
        return *this;
    }

    Buffer wire_of(Bytes frame) const {
        Buffer wire;
        framing_->encode(frame, wire);
        return wire;
    }
    std::vector<std::string> taken() {
        auto all = std::move(frames_);
        frames_.clear();
        return all;
    }
    bool has(Bytes frame) const { return std::ranges::find(frames_, to_hex(frame)) != frames_.end(); }
    transports::Framing& framing() { return *framing_; }
    const transports::FramingCounters& counters() const { return framing_->counters(); }
    TimePoint now() const { return now_; }

private:
    void take() {
        for (std::size_t i = 0; i < list_.size(); ++i)
            frames_.push_back(to_hex(list_[i]));
        list_.clear();
    }

    std::unique_ptr<transports::Framing> framing_;
    transports::FrameList list_;
    std::vector<std::string> frames_;
    TimePoint now_{std::chrono::seconds(1)};
};

inline std::vector<std::string> hexes(std::initializer_list<Buffer> frames) {
    std::vector<std::string> all;
    for (const auto& each : frames)
        all.push_back(to_hex(each));
    return all;
}

}  // namespace mqttsn::test
