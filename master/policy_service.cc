#include "master/policy_service.h"

#include <algorithm>

namespace gfs::master {

namespace {

constexpr int kRoundsMax = 10;

}  // namespace

using bus::Policy;

void PolicyService::serve(bus::Endpoint& endpoint) {
  endpoint.serve<&PolicyService::set_policy>(*this);
  endpoint.serve<&PolicyService::set_directory_policy>(*this);
  endpoint.serve<&PolicyService::get_policy>(*this);
  endpoint.serve<&PolicyService::set_replicas>(*this);
}

Task<bus::FileInfo> PolicyService::set_policy(bus::SetPolicy ask, bus::Caller caller) {
  if (ask.ack != bus::AckMode::all && ask.ack != bus::AckMode::primary)
    co_await fail(Code::invalid_argument, "{} is no way of acknowledging", static_cast<int>(ask.ack));
  SetPolicyOp op{ask.path, ask.ack};
  Decision set = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  set.info.path = std::move(ask.path);
  co_return std::move(set.info);
}

Task<bus::Done> PolicyService::set_directory_policy(bus::SetDirectoryPolicy ask, bus::Caller caller) {
  co_await check_policy(ask.policy);
  SetDirectoryPolicyOp op{std::move(ask.path), ask.policy};
  (void)co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  co_return bus::Done{};
}

Task<bus::GetPolicy::Reply> PolicyService::get_policy(bus::GetPolicy ask, bus::Caller) {
  const Namespace& names = state_.names();
  const InodeId id = co_await names.find(ask.path);
  const Inode& inode = *names.inode(id);
  bus::GetPolicy::Reply reply;
  reply.type = inode.type;
  const bool file = inode.type == FileType::file;
  reply.effective = names.effective(file ? inode.parent : id);
  auto otherwise = [](std::int64_t& rule, std::int64_t value) {
    if (rule == Policy::kInherit) rule = value;
  };
  if (file) {
    reply.effective.replicas = inode.replicas;
    reply.effective.ack = static_cast<std::int64_t>(inode.ack);
    reply.effective.quota_files = reply.effective.quota_bytes = Policy::kInherit;
    reply.files = 1;
    reply.bytes = inode.size;
  } else {
    if (const Policy* own = names.policies().find(id)) reply.own = *own;
    const Usage below = names.usage(id);
    reply.files = below.files;
    reply.directories = below.directories;
    reply.bytes = below.bytes;
  }
  otherwise(reply.effective.replicas, defaults_.replicas);
  const bool three = reply.effective.replicas >= 3 && state_.servers().size() >= 3;
  otherwise(reply.effective.minimum_for_writing, three ? defaults_.minimum_for_writing : 1);
  otherwise(reply.effective.ack, static_cast<std::int64_t>(bus::AckMode::all));
  otherwise(reply.effective.trash_ms, defaults_.trash);
  co_return reply;
}

// Where there are very many chunks, in steps. Only the last one is under the request's id: a repeat of one that was
// interrupted begins again, which changes nothing that was done.
Task<bus::FileInfo> PolicyService::set_replicas(bus::SetReplicas ask, bus::Caller caller) {
  if (ask.replicas == 0 || ask.replicas > kReplicasMax)
    co_await fail(Code::invalid_argument, "{} replicas: from 1 to {} are possible", ask.replicas, kReplicasMax);
  SetReplicasOp asked{ask.path, {}, ask.replicas, 0, kChunksPerOp};
  const std::uint32_t digest = digest_of(asked);
  for (int round = 0; round < kRoundsMax; ++round) {
    // What cannot be is decided, and remembered, by the op.
    SetReplicasOp op = asked;
    if (Result<InodeId> inode = state_.names().find(ask.path)) op.inode = *inode;
    Result<Decision> set = co_await set_goals(std::move(op), digest, caller).outcome();
    if (!set && set.error().code == Code::conflict) continue;  // another file has the name by now
    Decision done = co_await std::move(set);
    done.info.path = std::move(ask.path);
    co_return std::move(done.info);
  }
  co_await fail(Code::unavailable, "{}: others change what has this name all the time", ask.path);
  co_return bus::FileInfo{};
}

Task<Decision> PolicyService::set_goals(SetReplicasOp op, std::uint32_t digest, bus::Caller caller) {
  while (true) {
    const bool last = state_.repeated({caller.request, digest, 0}).has_value() ||
                      op.first + std::uint64_t{kChunksPerOp} >= state_.chunks().end(op.inode);
    SetReplicasOp step = op;
    Decision set = co_await journal_.commit(std::move(step), last ? caller.request : RequestId{}, last ? digest : 0,
                                            last ? caller.index : nullptr);
    if (last) co_return set;
    op.first += kChunksPerOp;
  }
}

}  // namespace gfs::master
