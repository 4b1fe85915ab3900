#include "transports/radio/at_lines.hpp"

#include <algorithm>

namespace mqttsn::transports {

void AtLines::encode(Bytes line, Buffer& wire) const {
    const Bytes end = as_bytes("\r\n");
    wire.insert(wire.end(), line.begin(), line.end());
    wire.insert(wire.end(), end.begin(), end.end());
}

void AtLines::receive(Bytes octets, TimePoint now, FrameList& lines) {
    if (octets.empty()) return;
    while (!octets.empty()) {
        const Bytes piece = octets.first(std::min(octets.size(), longest));
        octets = octets.subspan(piece.size());
        begun_ += as_text(piece);
        take_lines(false, lines);
    }
    silent_at_.reset();
    if (!begun_.empty() || is_discarding_) silent_at_ = now + silence;
}

void AtLines::timeout(TimePoint now, FrameList& lines) {
    if (!silent_at_ || now < *silent_at_) return;
    silent_at_.reset();
    take_lines(true, lines);
    is_discarding_ = false;
}

void AtLines::reset() noexcept {
    begun_.clear();
    is_discarding_ = false;
    silent_at_.reset();
}

void AtLines::take_lines(bool is_silent, FrameList& lines) {
    std::string_view rest = begun_;
    while (!rest.empty()) {
        const std::size_t from = is_discarding_ ? 0 : protected_octets(rest, is_silent);
        const std::size_t found = rest.find_first_of("\r\n", from);
        const bool has_end = found != std::string_view::npos;
        const std::size_t size = has_end ? found : rest.size();
        if (is_discarding_ || size > longest) {
            if (!is_discarding_) ++counters_.oversize;
            counters_.skipped_octets += size;
            is_discarding_ = !has_end;
        } else if (has_end || is_silent) {
            if (size > 0) {
                lines.push(as_bytes(rest.substr(0, size)));
                ++counters_.frames_in;
            }
        } else {
            break;
        }
        rest.remove_prefix(has_end ? size + 1 : size);
    }
    begun_.erase(0, begun_.size() - rest.size());
}

std::size_t AtLines::protected_octets(std::string_view begun, bool is_silent) const {
    const std::size_t end = data_end_ != nullptr ? data_end_(begun) : 0;
    if (end > longest) return 0;
    if (begun.size() <= end) return is_silent ? 0 : end;
    // A length that lies: the data ends nowhere near there.
    return std::string_view(",\r\n").find(begun[end]) == std::string_view::npos ? 0 : end;
}

}  // namespace mqttsn::transports
