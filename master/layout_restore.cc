// LayoutService: chunks of a log epoch before this one, until it is settled who holds their newest content.
#include "base/log.h"
#include "base/probe.h"
#include "master/layout_service.h"

namespace gfs::master {

namespace {

std::string listed(const std::vector<ServerId>& servers) {
  std::string text;
  for (ServerId server : servers) text += fmt::format("{}{}", text.empty() ? "" : " ", server);
  return text;
}

}  // namespace

Result<> LayoutService::check_settled(ChunkHandle handle, const Chunk& chunk) const {
  if (!restores_.is_old(handle, chunk)) return {};
  return fail(Code::unavailable, "chunk {}: log epoch {} began, and who holds its newest content is not known yet",
              handle, state_.epoch());
}

Task<> LayoutService::restore(ChunkHandle handle) {
  const std::optional<Chunk> chunk = state_.chunks().find(handle);
  if (!chunk || !restores_.is_old(handle, *chunk)) co_return;
  const RestorePlanner::Finding found = restores_.find(handle, *chunk, now());
  if (found.what == RestorePlanner::Finding::What::wait) co_await check_settled(handle, *chunk);
  RestoreChunkOp op = restores_.settle(handle, *chunk, found, now());
  if (found.what == RestorePlanner::Finding::What::restore) {
    PROBE("a chunk got the holders of its newest version for members");
    log::info("chunk_restored", {{"chunk", handle},
                                 {"version", op.version},
                                 {"table", op.from},
                                 {"held", op.held},
                                 {"members", listed(op.members)}});
  }
  Result<Decision> settled = co_await journal_.commit(std::move(op)).outcome();
  // Somebody was faster.
  if (!settled && settled.error().code != Code::conflict) co_await fail(std::move(settled));
}

Result<> LayoutService::check_readable(ChunkHandle handle, const Chunk& chunk) {
  // Until it is active its members hold older versions, and say so to whoever asks for this one.
  if (restores_.is_coming(handle, chunk) && !is_led(handle, chunk)) group_.spawn(activate(handle, {}));
  if (!restores_.is_old(handle, chunk)) return {};
  const RestorePlanner::Finding found = restores_.find(handle, chunk, now());
  if (found.what == RestorePlanner::Finding::What::keep) return {};
  if (found.what == RestorePlanner::Finding::What::restore) group_.spawn(activate(handle, {}));
  return check_settled(handle, chunk);
}

}  // namespace gfs::master
