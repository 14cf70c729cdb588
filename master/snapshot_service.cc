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
    const bool possible = head && state_.names().check_copy(ask.source, ask.target, named).has_value();
    if (possible && !state_.repeated({caller.request, digest, 0})) co_await prepare(*head);
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
    Result<MasterState::TreeChunks> tree = state_.tree_chunks(reply.info.inode);
    if (tree) reply.chunks = tree->chunks.size();
  }
  log::info("snapshot_made",
            {{"source", ask.source}, {"path", reply.info.path}, {"files", reply.files}, {"chunks", reply.chunks}});
  co_return reply;
}

// What nobody has to wait for. What fails here is found out later.
Task<> SnapshotService::prepare(InodeId head) {
  Result<MasterState::TreeChunks> tree = state_.tree_chunks(head);
  if (!tree) co_return;
  (void)co_await layouts_.restore_old(std::move(tree->virgins)).outcome();
  const Instant until = endpoint_->executor().now() + kWarmTime;
  (void)co_await with_deadline(endpoint_->executor(), until, "warming", layouts_.warm(std::move(tree->unfrozen)))
      .outcome();
}

// How long files that are being written are: so the copy is as long as what is in it.
Task<> SnapshotService::save_sizes(MasterState::TreeChunks tree) {
  std::vector<Task<Decision>> saves;
  std::size_t done = tree.files.size();  // nothing more is to be learned of this one
  for (auto place = tree.chunks.rbegin(); place != tree.chunks.rend(); ++place) {
    if (place->file == done) continue;
    const std::optional<std::uint64_t> length = layouts_.length_of(place->handle, *state_.chunks().find(place->handle));
    if (length && *length == 0) continue;  // the one before says it
    done = place->file;
    const InodeId file = tree.files[place->file];
    const std::uint64_t size = place->index * state_.chunk_size() + length.value_or(0);
    if (!length || size <= state_.names().inode(file)->size) continue;
    SetSizeOp op{file, size};
    saves.push_back(journal_.commit(std::move(op)));
  }
  for (Result<Decision>& saved : co_await all_of(std::move(saves))) (void)saved;
}

Task<Decision> SnapshotService::try_to_create(SnapshotOp op, std::uint32_t digest, bus::Caller caller, Instant until) {
  Result<InodeId> head = state_.names().find(op.source);
  const bool repeat = state_.repeated({caller.request, digest, 0}).has_value();
  Result<MasterState::TreeChunks> tree = fail(Code::not_found, "");
  if (!repeat && head && state_.names().check_copy(op.source, op.target, op.named)) tree = state_.tree_chunks(*head);
  // What cannot be is decided (and remembered) where everything is: by the op.
  if (!tree) co_return co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
  co_await layouts_.not_cut(tree->files, until);
  // Until here files may have come and gone: those that came are found out by the digest.
  LayoutService::Freeze freeze(layouts_, std::move(tree->files));
  co_await layouts_.freeze(freeze, std::move(tree->unfrozen), until);
  // Whoever was told to write before is found out by the digest, or by the primary's refusal.
  head = state_.names().find(op.source);
  if (!head) co_await fail(Code::conflict, "{} went away", op.source);
  tree = state_.tree_chunks(*head);
  if (!tree) co_await fail(Code::conflict, "{}", tree.error().message);
  for (ChunkHandle handle : tree->virgins) {
    if (!layouts_.is_old(handle, *state_.chunks().find(handle))) continue;
    co_await fail(Code::unavailable, "chunk {}: whether something is in it is not known yet, servers have to report",
                  handle);
  }
  for (ChunkHandle handle : tree->unfrozen) {
    if (!layouts_.is_frozen(handle, *state_.chunks().find(handle)))
      co_await fail(Code::conflict, "chunk {} is not frozen", handle);
  }
  op.frozen = tree->digest;
  co_await save_sizes(*std::move(tree));
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
