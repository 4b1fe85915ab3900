// The model of the store: what is committed survives a crash, nothing else does; commits take time, and may fail for a
// while.
#pragma once

#include "gateway/core/outbox.hpp"

#include <deque>
#include <map>
#include <vector>

namespace mqttsn::simulation {

class Disk {
public:
    void append(gateway::CommitId id, const gateway::Outbox& out, TimePoint now);
    bool has_uncommitted() const noexcept { return !waiting_.empty(); }
    /// Everything appended so far; the last id, 0 = nothing.
    gateway::CommitId commit();
    /// The first `batches` of what waits reached the disk, the rest is gone.
    void crash(std::size_t batches);
    std::size_t waiting() const noexcept { return waiting_.size(); }
    /// When the oldest batch was appended that waits, or that the last crash() lost; TimePoint::max() without any.
    TimePoint waiting_since() const noexcept { return waiting_.empty() ? TimePoint::max() : waiting_.front().at; }
    TimePoint lost_since() const noexcept { return lost_since_; }

    const std::map<gateway::RecordKey, Buffer>& records() const noexcept { return records_; }
    std::size_t count(gateway::RecordKind kind) const noexcept;
    /// Whether a message with this payload is in the gateway's care.
    bool holds(Bytes payload) const noexcept;

private:
    struct Batch {
        gateway::CommitId id = 0;
        TimePoint at{};
        std::vector<std::pair<gateway::StoreOp, Buffer>> ops;
    };
    void apply(const Batch& batch);

    std::map<gateway::RecordKey, Buffer> records_;
    std::deque<Batch> waiting_;
    TimePoint lost_since_ = TimePoint::max();
};

}  // namespace mqttsn::simulation
