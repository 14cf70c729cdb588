// AppendWork: what a client does with append files: appends records, several under way, and looks at what is there.
//
// Two clients keep their id and numbers over crashes, and repeat what they do not know the outcome of, before anything
// new; a record travels alone then, so that the repeat is the same request. The last client takes a fresh id each time
// and lets records travel together.
//
// Owned by a Client. One thread.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "base/random.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class AppendWork {
 public:
  AppendWork(SimExecutor& world, Shared& shared, int client, Random& choices, client::Filesystem& filesystem)
      : world_(world), shared_(shared), client_(client), choices_(choices), filesystem_(filesystem) {}
  // What was under way is unknown from now on.
  ~AppendWork();

  Task<> append_some();
  Task<> look();

 private:
  // The numbers of those whose outcome is not known are left in `undecided`.
  Task<> append_all(std::shared_ptr<client::Appender> appender, std::vector<RecordName> names, std::uint64_t stream);
  Task<> append_one(std::shared_ptr<client::Appender> appender, RecordName name, std::uint64_t stream);
  void ended(const RecordName& name, const Result<client::Appended>& result);
  bool keeps_id() const { return client_ + 1 < kClients; }
  std::uint64_t any_size();

  SimExecutor& world_;
  Shared& shared_;
  const int client_;
  Random& choices_;
  client::Filesystem& filesystem_;
  std::set<RecordName> under_way_;
};

// Before anything fails: files with a policy of their own; and append files, each with one record so near the end of
// its first chunk that appends soon reach the next.
Task<> prepare_files(SimExecutor& world, Shared& shared, client::Filesystem& filesystem);

}  // namespace gfs::sim
