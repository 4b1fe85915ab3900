#include "tests/simulation/disk.hpp"

#include <algorithm>

namespace mqttsn::simulation {

void Disk::append(gateway::CommitId id, const gateway::Outbox& out, TimePoint now) {
    Batch batch{id, now, {}};
    for (const auto& op : out.store) {
        const Bytes image = out.view(op.offset, op.size);
        batch.ops.emplace_back(op, Buffer(image.begin(), image.end()));
    }
    waiting_.push_back(std::move(batch));
}

gateway::CommitId Disk::commit() {
    gateway::CommitId last = 0;
    for (const Batch& each : waiting_) {
        apply(each);
        last = each.id;
    }
    waiting_.clear();
    return last;
}

void Disk::crash(std::size_t batches) {
    lost_since_ = batches < waiting_.size() ? waiting_[batches].at : TimePoint::max();
    for (std::size_t i = 0; i < std::min(batches, waiting_.size()); ++i)
        apply(waiting_[i]);
    waiting_.clear();
}

void Disk::apply(const Batch& batch) {
    using Action = gateway::StoreOp::Action;
    for (const auto& [op, image] : batch.ops) {
        if (op.action == Action::put) records_[op.key] = image;
        if (op.action == Action::erase) records_.erase(op.key);
        if (op.action == Action::erase_session) {
            std::erase_if(records_, [&](const auto& each) { return each.first.session == op.key.session; });
        }
    }
}

std::size_t Disk::count(gateway::RecordKind kind) const noexcept {
    return static_cast<std::size_t>(
        std::ranges::count_if(records_, [&](const auto& each) { return each.first.kind == kind; }));
}

bool Disk::holds(Bytes payload) const noexcept {
    return std::ranges::any_of(records_, [&](const auto& each) {
        return each.first.kind == gateway::RecordKind::message &&
               as_text(each.second).find(as_text(payload)) != std::string_view::npos;
    });
}

}  // namespace mqttsn::simulation
