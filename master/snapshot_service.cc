#include "master/snapshot_service.h"

#include "base/log.h"
#include "base/probe.h"
#include "master/snapshot_answers.h"

namespace gfs::master {

void SnapshotService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&SnapshotService::create>(*this);
  endpoint.serve<&SnapshotService::list>(*this);
  endpoint.serve<&SnapshotService::remove>(*this);
  endpoint.serve<&SnapshotService::compare>(*this);
}

Task<bus::CreateSnapshot::Reply> SnapshotService::create(bus::CreateSnapshot ask, bus::Caller caller) {
  const bool named = !ask.target.starts_with('/');
  const SnapshotOp op{ask.source, ask.target, named, 0};
  const std::uint32_t digest = digest_of(op);
  std::optional<Decision> made;
  {
    Semaphore::Held turn = co_await turn_.take(1);
    Result<InodeId> head = state_.names().find(ask.source);
    if (head && !state_.repeated({caller.request, digest, 0})) {
      Result<MasterState::TreeChunks> tree = state_.tree_chunks(*head);
      if (tree) co_await layouts_.warm(std::move(tree->unfrozen));
    }
    const Instant until = endpoint_->executor().now() + kFreezeTime;
    while (!made) {
      SnapshotOp again = op;
      Result<Decision> tried = co_await try_to_create(std::move(again), digest, caller, until).outcome();
      if (tried) {
        made = *std::move(tried);
      } else if (tried.error().code != Code::conflict) {
        co_await std::move(tried);
      } else if (endpoint_->executor().now() >= until) {
        co_await fail(Code::unavailable, "{}: what is in it changes all the time: {}", ask.source,
                      tried.error().message);
      } else {
        PROBE("a chunk changed between its freezing and the snapshot");
      }
    }
  }
  bus::CreateSnapshot::Reply reply;
  reply.info = std::move(made->info);
  reply.info.path = named ? fmt::format("/{}/{}", kSnapshotsName, ask.target) : ask.target;
  reply.files = made->files;
  reply.directories = made->directories;
  // As it is now; of a repeat's, it may have got more since.
  if (state_.names().inode(reply.info.inode) != nullptr) {
    for (InodeId file : state_.names().files_below(reply.info.inode))
      reply.chunks += state_.chunks().range(file, 0, kChunksMax).size();
  }
  log::info("snapshot_made",
            {{"source", ask.source}, {"path", reply.info.path}, {"files", reply.files}, {"chunks", reply.chunks}});
  co_return reply;
}

Task<Decision> SnapshotService::try_to_create(SnapshotOp op, std::uint32_t digest, bus::Caller caller, Instant until) {
  Result<InodeId> head = state_.names().find(op.source);
  const bool repeat = state_.repeated({caller.request, digest, 0}).has_value();
  Result<MasterState::TreeChunks> tree = fail(Code::not_found, "");
  if (!repeat && head && state_.names().check_copy(op.source, op.target, op.named)) tree = state_.tree_chunks(*head);
  // What cannot be is decided (and remembered) where everything is: by the op.
  if (!tree) co_return co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
  LayoutService::Freeze freeze(layouts_, std::move(tree->files));
  co_await layouts_.freeze(freeze, std::move(tree->unfrozen), until);
  // Whoever was told to write before is found out by the digest, or by the primary's refusal.
  head = state_.names().find(op.source);
  if (!head) co_await fail(Code::conflict, "{} went away", op.source);
  tree = state_.tree_chunks(*head);
  if (!tree) co_await fail(Code::conflict, "{}", tree.error().message);
  for (ChunkHandle handle : tree->unfrozen) {
    if (!layouts_.is_frozen(handle, *state_.chunks().find(handle)))
      co_await fail(Code::conflict, "chunk {} is not frozen", handle);
  }
  op.frozen = tree->digest;
  co_return co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
}

Task<bus::ListSnapshots::Reply> SnapshotService::list(bus::ListSnapshots ask, bus::Caller) {
  co_return answer(state_, ask);
}

Task<bus::RemoveSnapshot::Reply> SnapshotService::remove(bus::RemoveSnapshot ask, bus::Caller caller) {
  RemoveSnapshotOp op{std::move(ask.name)};
  const Decision removed = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  co_return bus::RemoveSnapshot::Reply{removed.files, removed.directories};
}

Task<bus::CompareTrees::Reply> SnapshotService::compare(bus::CompareTrees ask, bus::Caller) {
  co_return co_await answer(state_, ask);
}

}  // namespace gfs::master
