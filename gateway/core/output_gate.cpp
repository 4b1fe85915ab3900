#include "gateway/core/output_gate.hpp"

namespace mqttsn::gateway {

void OutputGate::pass(const Outbox& out, CommitId commit, Exit& exit) {
    for (const StoreOp& op : out.store) {
        if (op.lazy || op.owner == 0) continue;
        Owner& owner = owners_[op.owner];
        if (owner.after == commit) continue;
        owner.after = commit;
        commits_.emplace_back(commit, op.owner);
    }
    const auto owner_of = [&](ClientKey client) -> Owner* {
        if (client == 0 || owners_.empty()) return nullptr;
        const auto found = owners_.find(client);
        return found == owners_.end() ? nullptr : &found->second;
    };
    for (const FrameOut& each : out.frames) {
        const Bytes octets = out.view(each.offset, each.size);
        if (Owner* owner = owner_of(each.owner)) {
            hold(*owner, each, octets);
        } else {
            exit.leave(each, octets);
        }
    }
    std::vector<UpstreamId> overflows;
    for (const UpstreamOut& each : out.upstream) {
        const Bytes octets = out.view(each.offset, each.size);
        if (Owner* owner = owner_of(each.owner)) {
            hold(*owner, each, octets, overflows);
        } else {
            exit.leave(each, octets);
        }
    }
    for (const UpstreamId id : overflows)
        exit.overflowed(id);
}

void OutputGate::hold(Owner& owner, const FrameOut& frame, Bytes octets) {
    if (owner.frames >= max_frames_per_client) {
        ++frames_dropped_;
        return;
    }
    ++owner.frames;
    owner.queue.push_back({owner.after, frame, Buffer(octets.begin(), octets.end())});
}

void OutputGate::hold(Owner& owner, const UpstreamOut& action, Bytes octets, std::vector<UpstreamId>& overflows) {
    if (action.action == UpstreamAction::open) owner.overflowed = false;
    if (action.action == UpstreamAction::send) {
        if (owner.overflowed) return;
        if (owner.octets + octets.size() > max_octets_per_client) {
            owner.overflowed = true;
            overflows.push_back(action.id);
            return;
        }
    }
    owner.octets += octets.size();
    owner.queue.push_back({owner.after, action, Buffer(octets.begin(), octets.end())});
}

void OutputGate::committed(CommitId up_to, Exit& exit) {
    while (!commits_.empty() && commits_.front().first <= up_to) {
        const ClientKey client = commits_.front().second;
        commits_.pop_front();
        const auto found = owners_.find(client);
        if (found == owners_.end()) continue;
        release(found->second, up_to, exit);
        if (found->second.after <= up_to) owners_.erase(found);
    }
}

void OutputGate::release(Owner& owner, CommitId up_to, Exit& exit) {
    while (!owner.queue.empty() && owner.queue.front().after <= up_to) {
        const Waiting next = std::move(owner.queue.front());
        owner.queue.pop_front();
        owner.octets -= next.octets.size();
        if (const auto* frame = std::get_if<FrameOut>(&next.output)) {
            --owner.frames;
            exit.leave(*frame, next.octets);
        } else {
            exit.leave(std::get<UpstreamOut>(next.output), next.octets);
        }
    }
}

}  // namespace mqttsn::gateway
