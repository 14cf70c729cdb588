#include "master/trash_service.h"

#include <algorithm>

#include "base/log.h"
#include "master/name_answers.h"

namespace gfs::master {

namespace {

constexpr std::size_t kPurgedAtOnce = 1000;

}  // namespace

void TrashService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&TrashService::list>(*this);
  endpoint.serve<&TrashService::restore>(*this);
  endpoint.serve<&TrashService::purge>(*this);
}

Task<bus::ListTrash::Reply> TrashService::list(bus::ListTrash ask, bus::Caller) {
  co_return answer(state_, ask, journal_.now());
}

Task<bus::FileInfo> TrashService::restore(bus::RestoreTrash ask, bus::Caller caller) {
  RestoreOp op{ask.item, ask.path, ask.parents};
  Decision restored = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  restored.info.path = std::move(ask.path);
  co_return std::move(restored.info);
}

Task<bus::PurgeTrash::Reply> TrashService::purge(bus::PurgeTrash ask, bus::Caller caller) {
  if (ask.items.size() > kPurgedAtOnce)
    co_await fail(Code::too_large, "{} things to purge at once: at most {} are possible", ask.items.size(),
                  kPurgedAtOnce);
  ExpireOp op{std::move(ask.items)};
  Decision purged = co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  co_return bus::PurgeTrash::Reply{purged.files};
}

Task<> TrashService::run() {
  while (true) {
    co_await endpoint_->executor().sleep(kTick);
    Result<> done = co_await take_apart().outcome();
    if (!done) log::write_limited(log::Level::warn, "trash_not_emptied", {{"why", done.error().text()}});
  }
}

Task<> TrashService::take_apart() {
  for (int ops = 0; ops < kOpsPerTick; ++ops) {
    if (!held_back_().empty()) co_return;
    const Trash& trash = state_.names().trash();
    const std::optional<TrashItem> next = trash.first();
    if (!next) co_return;
    if (next->until > journal_.now()) {
      if (trash.size() <= settings_.items_max) co_return;
      log::write_limited(log::Level::warn, "trash_full", {{"items", trash.size()}, {"path", next->path}});
      ExpireOp expire;
      const std::size_t many = std::min<std::size_t>(trash.size() - settings_.items_max, kPurgedAtOnce);
      trash.walk(0, {}, [&](const TrashItem& item) {
        expire.items.push_back(item.inode);
        return expire.items.size() < many;
      });
      (void)co_await journal_.commit(std::move(expire));
    }
    PurgeOp purge{kPerOp};
    (void)co_await journal_.commit(std::move(purge));
  }
}

}  // namespace gfs::master
