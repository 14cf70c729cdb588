#include "client_cli/cli/master_directory.h"

#include "base/event_loop.h"
#include "base/hash64.h"
#include "base/posix_disk.h"

namespace gfs::cli {

namespace {

// Names the directory where an error names no server: none was asked.
template <class T>
Result<T> here(const std::string& directory, Result<T> result) {
  if (!result && result.error().why.empty())
    result.error().why.push_back({directory, std::string(name_of(result.error().code))});
  return result;
}

Result<std::unique_ptr<PosixDisk>> open(const std::string& directory, EventLoop& loop) {
  PosixDisk::Options options;
  options.create = false;
  options.workers = 1;
  return PosixDisk::open(directory, loop, options);
}

Task<master::LogCut> cut(Disk& disk, std::uint64_t at, bool checkpoints_too, bool sure) {
  // Of somebody else's directory not even a lock file is made.
  (void)co_await master::load_identity(disk);
  std::unique_ptr<DiskLock> lock = co_await disk.lock("LOCK");
  master::LogCut cut = co_await master::plan_log_cut(disk, at);
  if (!cut.checkpoints.empty() && !checkpoints_too && sure) {
    co_await fail(Code::refused, "{} holds more than index {}: it has to go as well (--checkpoints-too)",
                  cut.checkpoints.front(), at);
  }
  if (!sure) co_return cut;
  Random random(Random::seed_from_machine());
  co_await master::cut_log(disk, random, cut);
  co_return cut;
}

}  // namespace

Result<master::LogCut> cut_master_log(const std::string& directory, std::uint64_t at, bool checkpoints_too, bool sure) {
  EventLoop loop;
  Result<std::unique_ptr<PosixDisk>> disk = open(directory, loop);
  if (!disk) return here<master::LogCut>(directory, fail(std::move(disk)));
  return here(directory, loop.run(cut(**disk, at, checkpoints_too, sure)));
}

Result<master::DirectoryView> view_master_directory(const std::string& directory, master::VisitRecord visit) {
  EventLoop loop;
  Result<std::unique_ptr<PosixDisk>> disk = open(directory, loop);
  if (!disk) return here<master::DirectoryView>(directory, fail(std::move(disk)));
  return here(directory, loop.run(master::view_directory(**disk, std::move(visit))));
}

Result<DirectoryState> state_of_directory(const std::string& directory) {
  EventLoop loop;
  Result<std::unique_ptr<PosixDisk>> disk = open(directory, loop);
  if (!disk) return here<DirectoryState>(directory, fail(std::move(disk)));
  Result<master::MasterState> state = here(directory, loop.run(master::replay_directory(**disk)));
  if (!state) return fail(std::move(state));
  const std::string text = state->dump();
  return DirectoryState{state->index(), hash64(text.data(), text.size()), state->names().files(),
                        state->names().directories(), state->chunks().size()};
}

}  // namespace gfs::cli
