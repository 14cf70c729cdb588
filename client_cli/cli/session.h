// Session: what verbs share: the connection (made when first needed), the directory one is in, where output goes.
//
// With --local the whole cluster lives in this process, begun at the first verb that needs it. run() does client work
// on the client's own thread and waits here; Ctrl-C cancels it (Code::cancelled), run_to_end() does not (cleaning up).
//
// One per program; the calling thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client_cli/cli/interrupt.h"
#include "client_cli/cli/output.h"
#include "client_cli/client/blocking.h"
#include "client_cli/embedded/cluster.h"

namespace gfs::cli {

using client::FileInfo;
using client::Filesystem;
using client::FileType;

struct GlobalOptions {
  std::string master;
  std::vector<std::string> shadows;  // asked instead, with stale_ok
  bool stale_ok = false;
  std::string local;
  bool json = false;
  bool quiet = false;
  bool color = true;
  bool keep_going = false;
  Duration timeout = 30s;
};

class Session {
 public:
  Session(GlobalOptions options, Streams streams);
  ~Session();

  Output& out() { return out_; }
  const GlobalOptions& options() const { return options_; }

  Result<> connect();
  template <class T>
  Result<T> run(std::function<Task<T>(Filesystem&)> work);
  template <class T>
  Result<T> run_to_end(std::function<Task<T>(Filesystem&)> work);
  Executor& executor() { return blocking_->executor(); }  // after connect()

  // An absolute, valid path: in the shell from the current directory, with . and .. worked out. invalid_argument names
  // the text and the rule.
  Result<std::string> path(std::string_view text) const;
  const std::string& directory() const { return directory_; }
  void set_directory(std::string directory) { directory_ = std::move(directory); }

  // A shell or a script: cd works, paths may be relative.
  void enter_shell(bool interactive);
  bool in_shell() const { return in_shell_; }
  bool interactive() const { return interactive_; }
  bool input_is_script() const { return input_is_script_; }
  void set_input_is_script() { input_is_script_ = true; }
  void ask_to_quit() { quit_ = true; }
  bool wants_to_quit() const { return quit_; }
  std::vector<std::string>& history() { return history_; }  // of the interactive shell, oldest first

  std::string master() const;  // address, "" before connect()
  std::string label() const;   // for the prompt: "local", "127.0.0.1:7500"

  // Tells an error on stderr (three lines, or JSON) and gives its exit code. `advice`: what to try, if the verb knows
  // better than what is said of such errors.
  int tell(std::string_view verb, const Error& error, std::string advice = {});
  void warn(std::string_view text);
  // Says it if what was shown may be old: once for each command, to people.
  void tell_staleness();
  // Forgets which requests were sent before: the next error names only a later one.
  void begin_command();
  std::optional<RequestId> request();  // the last mutation of this command

  // Its requests may be repeated later: somebody was told an id, or gave one.
  void keep_client() { keep_client_ = true; }
  // For a program that ends: the master may forget its requests, unless they may be repeated. Within half a second.
  void leave();

 private:
  template <class T>
  static Task<T> until_interrupted(Executor& executor, std::function<Task<T>(Filesystem&)> work,
                                   Filesystem& filesystem);
  static Task<> interruption(Executor& executor);

  const GlobalOptions options_;
  Output out_;
  std::string directory_ = "/";
  bool in_shell_ = false;
  bool interactive_ = false;
  bool input_is_script_ = false;
  bool quit_ = false;
  bool keep_client_ = false;
  std::vector<std::string> history_;
  bool stale_ = false;  // what the last command showed
  std::optional<RequestId> request_before_;
  std::unique_ptr<embedded::Cluster> cluster_;
  std::unique_ptr<client::Blocking> blocking_;  // after cluster_: goes first
};

template <class T>
Result<T> Session::run_to_end(std::function<Task<T>(Filesystem&)> work) {
  Result<> connected = connect();
  if (!connected) return fail(std::move(connected));
  return blocking_->run<T>(std::move(work));
}

template <class T>
Result<T> Session::run(std::function<Task<T>(Filesystem&)> work) {
  Result<> connected = connect();
  if (!connected) return fail(std::move(connected));
  if (interrupted()) return fail(Code::cancelled, "interrupted");
  Executor& executor = blocking_->executor();
  return blocking_->run<T>([&executor, work = std::move(work)](Filesystem& filesystem) {
    return until_interrupted<T>(executor, work, filesystem);
  });
}

template <class T>
Task<T> Session::until_interrupted(Executor& executor, std::function<Task<T>(Filesystem&)> work,
                                   Filesystem& filesystem) {
  Promise<T> promise;
  Future<T> first = promise.future();
  TaskGroup group;
  auto done = [&promise](Result<T> result) { promise.set(std::move(result)); };
  auto stopped = [&promise](Result<>) { promise.set(fail(Code::cancelled, "interrupted")); };
  group.template spawn<T>(work(filesystem), std::move(done));
  group.template spawn<void>(interruption(executor), std::move(stopped));
  Result<T> result = co_await std::move(first).outcome();
  if constexpr (std::is_void_v<T>) {
    co_await std::move(result);
  } else {
    co_return co_await std::move(result);
  }
}

}  // namespace gfs::cli
