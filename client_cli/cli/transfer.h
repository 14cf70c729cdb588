// Moving whole files between this machine and the cluster, so that a name shows either nothing, the old file or all of
// the new one.
//
//   to the cluster   a new name is created and written; an existing one (-f) is replaced by a rename from a hidden
//                    sibling once everything is on disk
//   to this machine  always a hidden sibling, then a rename
//
// What was made and not finished stands in Leftovers until it is removed: by the end of the command, also after Ctrl-C.
// Coroutines run on the client's thread; files of this machine are read and written there in pieces of 1 MiB.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "client_cli/cli/progress.h"
#include "client_cli/cli/session.h"

namespace gfs::cli {

inline constexpr std::size_t kPiece = 1 << 20;

// Remote paths that are not finished.
using Leftovers = std::set<std::string>;
// Removes them, within a few seconds; warns of those that had to stay.
void remove_leftovers(Session& session, Leftovers& leftovers);

// A name of the cluster that is being written.
class RemoteTarget {
 public:
  struct Settings {
    std::string path;
    bool replace = false;
    std::uint32_t replicas = 0;
  };
  static Task<std::shared_ptr<RemoteTarget>> begin(Filesystem& filesystem, Leftovers& leftovers, Settings settings);

  client::File& file() { return *file_; }
  // On every disk and under its name.
  Task<> finish();

 private:
  RemoteTarget(Filesystem& filesystem, Leftovers& leftovers, Settings settings)
      : filesystem_(filesystem), leftovers_(leftovers), settings_(std::move(settings)) {}

  Filesystem& filesystem_;
  Leftovers& leftovers_;
  const Settings settings_;
  std::string written_;  // settings_.path or the hidden sibling
  std::shared_ptr<client::File> file_;
};

// A name of this machine that is being written; the hidden sibling is removed when it is destroyed unfinished.
class LocalTarget {
 public:
  static Result<LocalTarget> begin(std::string path, bool replace);
  LocalTarget(LocalTarget&& other) noexcept;
  LocalTarget& operator=(LocalTarget&&) = delete;
  ~LocalTarget();

  Result<> write(std::string_view bytes);
  Result<> finish();

 private:
  LocalTarget(std::string path, std::string temporary, bool replace, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), replace_(replace), descriptor_(descriptor) {}

  std::string path_;
  std::string temporary_;
  bool replace_;
  int descriptor_;
};

// Reads of this machine, for the client's thread and the calling one. Links are not followed if said so.
class LocalSource {
 public:
  static Result<LocalSource> open(const std::string& path, bool follow_links);
  static LocalSource borrowed(int descriptor, std::string name);
  LocalSource(LocalSource&& other) noexcept;
  LocalSource& operator=(LocalSource&&) = delete;
  ~LocalSource();

  // At most 1 MiB; empty at the end. Ctrl-C during it is Code::cancelled.
  Result<std::string> read();
  // What is there, without waiting for more; empty at the end.
  Result<std::string> read_some();

 private:
  Result<std::string> read(std::size_t size, bool all);
  LocalSource(int descriptor, bool owned, std::string name)
      : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}

  int descriptor_;
  bool owned_;
  std::string name_;
};

// Bytes moved.
Task<std::uint64_t> upload(Filesystem& filesystem, Leftovers& leftovers, Progress& progress, std::string local,
                           bool follow_links, RemoteTarget::Settings target);
Task<std::uint64_t> download(Filesystem& filesystem, Progress& progress, std::string remote, std::string local,
                             bool replace);
Task<std::uint64_t> copy(Filesystem& filesystem, Leftovers& leftovers, Progress& progress, std::string source,
                         RemoteTarget::Settings target);

// work(0) ... work(count - 1), begun in this order, at most `limit` at a time; ends when all have ended.
Task<> for_each(std::size_t count, std::size_t limit, std::function<Task<>(std::size_t)> work);

// A tree's worth of transfers: many at once, the failed ones told one by one.
struct Job {
  std::string name;  // for people
  std::uint64_t size = 0;
  std::function<Task<std::uint64_t>(Filesystem&)> work;
};
struct JobsDone {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t failed = 0;
  Code first_failure = Code::ok;

  // kPartly if some failed and some did not.
  int exit() const;
};
// Fails only if it was interrupted. Gives up after several failures in which the cluster was not available.
Result<JobsDone> run_jobs(Session& session, std::string_view verb, std::vector<Job> jobs);

// At most 16 at a time.
inline constexpr std::size_t kInFlight = 16;

}  // namespace gfs::cli
