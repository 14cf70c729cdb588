#include "client_cli/cli/session.h"

#include <signal.h>

#include <algorithm>
#include <vector>

#include "client_cli/cli/command.h"
#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

// The threads started while one of these lives never get SIGINT: it is the first thread's.
class InterruptsBlocked {
 public:
  InterruptsBlocked() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~InterruptsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// "chunk ls" as the words of a command line.
Words split_name(std::string_view verb) {
  std::size_t space = verb.find(' ');
  Words words{std::string(verb.substr(0, space))};
  if (space != std::string_view::npos) words.emplace_back(verb.substr(space + 1));
  return words;
}

constexpr std::size_t kPathMax = 4096;
constexpr std::size_t kComponentMax = 255;

}  // namespace

Session::Session(GlobalOptions options, Streams streams)
    : options_(std::move(options)), out_(streams, options_.json, options_.quiet, options_.color) {}

Session::~Session() = default;

Result<> Session::connect() {
  if (blocking_) return {};
  InterruptsBlocked blocked;
  bus::Address address = options_.master;
  if (!options_.local.empty()) {
    embedded::Settings settings;
    settings.directory = options_.local;
    Result<std::unique_ptr<embedded::Cluster>> cluster = embedded::Cluster::open(std::move(settings));
    if (!cluster) return fail(std::move(cluster));
    cluster_ = std::move(*cluster);
    address = cluster_->master();
  } else if (address.empty()) {
    return fail(Code::invalid_argument, "no cluster is named: --master ADDR, --local DIR or GFS_MASTER");
  }
  client::Settings settings;
  settings.master = address;
  settings.shadows = options_.shadows;
  settings.stale_ok = options_.stale_ok;
  settings.deadline = options_.timeout;
  settings.call_deadline = std::min<Duration>(settings.call_deadline, options_.timeout);
  blocking_ = std::make_unique<client::Blocking>(std::move(settings));
  return {};
}

Task<> Session::interruption(Executor& executor) {
  while (!interrupted()) co_await executor.sleep(20ms);
}

Result<std::string> Session::path(std::string_view text) const {
  auto refuse = [&](std::string_view rule) {
    return fail(Code::invalid_argument, "{}: {}", escape_for_terminal(text.substr(0, 300)), rule);
  };
  if (text.empty()) return refuse("\"\" is not a path: it begins with a slash");
  if (text.find('\0') != std::string_view::npos) return refuse("a path has no NUL in it");
  bool relative = text[0] != '/';
  if (relative && !in_shell_) return refuse("a path begins with a slash");
  std::string whole = relative ? directory_ + "/" + std::string(text) : std::string(text);
  std::vector<std::string_view> parts;
  std::string_view left = whole;
  while (!left.empty()) {
    std::size_t slash = left.find('/');
    std::string_view part = left.substr(0, slash);
    left.remove_prefix(slash == std::string_view::npos ? left.size() : slash + 1);
    if (part.empty()) continue;
    bool dots = part == "." || part == "..";
    if (dots && !in_shell_) return refuse("a path has no . or .. in it");
    if (part.size() > kComponentMax) return refuse("a name is at most 255 bytes long");
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!dots) parts.push_back(part);
  }
  std::string path;
  for (std::string_view part : parts) path += "/" + std::string(part);
  if (path.empty()) path = "/";
  if (path.size() > kPathMax) return refuse("a path is at most 4096 bytes long");
  return path;
}

void Session::enter_shell(bool interactive) {
  in_shell_ = true;
  interactive_ = interactive;
  ignore_second_interrupt(interactive);
}

std::string Session::master() const {
  if (cluster_) return cluster_->master();
  return options_.master;
}

std::string Session::label() const {
  if (!options_.local.empty()) return "local";
  std::size_t scheme = options_.master.find("://");
  std::string label = scheme == std::string::npos ? options_.master : options_.master.substr(scheme + 3);
  return stale_ ? label + " (shadow)" : label;
}

void Session::begin_command() {
  out_.begin_command();
  request_before_.reset();
  if (blocking_) request_before_ = request();
}

std::optional<RequestId> Session::request() {
  if (!blocking_) return std::nullopt;
  auto ask = [](Filesystem& filesystem) -> Task<RequestId> { co_return filesystem.last_request(); };
  Result<RequestId> last = blocking_->run<RequestId>(ask);
  if (!last || last->sequence == 0 || (request_before_ && *last == *request_before_)) return std::nullopt;
  return *last;
}

int Session::tell(std::string_view verb, const Error& error, std::string advice) {
  Told told{verb, options_.local.empty() ? options_.master : "local " + options_.local, {}};
  told.advice = std::move(advice);
  if (outcome_of(error.code) == Outcome::may_have_happened || exit_code(error.code) == kUnavailable) {
    told.request = request();
    Found found = find_command(split_name(verb));
    told.repeatable = found.command != nullptr &&
                      std::ranges::find(found.command->options, "req", &Option::name) != found.command->options.end();
    if (told.request) keep_client();
  }
  if (out_.json()) {
    out_.error(json_text(error_json(error, told)));
  } else {
    std::string text = error_text(error, told);
    std::size_t first = text.find('\n');
    out_.error(out_.colored_error(Output::Color::bad, text.substr(0, first)) + text.substr(first));
  }
  return exit_code(error.code);
}

void Session::leave() {
  if (!blocking_ || keep_client_ || interrupted()) return;
  auto close = [this](Filesystem& filesystem) {
    Executor& on = executor();
    return with_deadline<void>(on, on.now() + 500ms, "closing this client", filesystem.close_client());
  };
  (void)blocking_->run<void>(close);  // the master forgets it by itself, later
}

void Session::tell_staleness() {
  stale_ = false;
  if (!blocking_ || !options_.stale_ok) return;
  using Found = std::optional<client::Staleness>;
  auto ask = [](Filesystem& filesystem) -> Task<Found> { co_return filesystem.take_staleness(); };
  Result<Found> found = blocking_->run<Found>(ask);
  if (!found || !*found) return;
  stale_ = true;
  if (out_.json()) return;
  out_.note(fmt::format("read from the shadow {}: what is shown may be {} ms old", (*found)->shadow,
                        to_ms((*found)->behind)));
}

void Session::warn(std::string_view text) {
  std::string line = out_.errors_to_terminal() ? escape_for_terminal(text) : std::string(text);
  out_.error(out_.colored_error(Output::Color::warning, "warning: " + line));
}

}  // namespace gfs::cli
