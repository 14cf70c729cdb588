#include <poll.h>

#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/remote_log.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/client/appender.h"
#include "client_cli/client/record_format.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kBytesAtOnce = 4 << 20;  // appended side by side
constexpr std::size_t kRecordsAtOnce = 4096;
// Under a kept id each record is a batch, and the chunk remembers 64 of them: so few are under way that after a failure
// those behind it are still known.
constexpr std::size_t kKeptAtOnce = 16;

// Cuts what was read into records.
class Cutter {
 public:
  Cutter(bool length_prefixed, bool raw) : length_prefixed_(length_prefixed), raw_(raw) {}

  void add(std::string_view bytes) { waiting_.append(bytes); }
  // The next whole record; nothing if more has to be read. too_large ends it all.
  Result<std::optional<Bytes>> next(bool at_end) {
    std::string_view rest = std::string_view(waiting_).substr(used_);
    std::size_t before = length_prefixed_ ? 4 : 0, size = 0, after = 0;
    bool whole = false;
    if (length_prefixed_ && rest.size() >= 4) {
      for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
      whole = rest.size() - 4 >= size;
    } else if (!length_prefixed_) {
      std::size_t end = rest.find('\n');
      whole = end != std::string_view::npos || (at_end && !rest.empty());
      size = std::min(end, rest.size());
      after = end == std::string_view::npos ? 0 : 1;
    }
    std::size_t limit = client::kRecordMax;
    if (size > limit) return fail(Code::too_large, "record {}: at most {} bytes are one record", number_ + 1, limit);
    if (whole && raw_ && length_prefixed_ && size == 0) {
      return fail(Code::invalid_argument, "record {}: it is empty, and --raw has no frame for it to be in",
                  number_ + 1);
    }
    if (!whole && at_end && !rest.empty()) {
      return fail(Code::invalid_argument, "record {}: the input ends in the middle of it", number_ + 1);
    }
    if (!whole) {
      waiting_.erase(0, used_);
      used_ = 0;
      return std::optional<Bytes>();
    }
    ++number_;
    used_ += before + size + after;
    // As they are: a line has its end with it.
    std::string_view record = rest.substr(before, raw_ ? size + after : size);
    return std::optional(raw_ ? Bytes::copy_of(record.data(), record.size()) : Bytes::of(client::framed(record)));
  }

 private:
  const bool length_prefixed_;
  const bool raw_;
  std::string waiting_;
  std::size_t used_ = 0;
  std::uint64_t number_ = 0;
};

bool more_at_once(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return poll(&one, 1, 0) > 0 && (one.revents & POLLIN) != 0;
}

// What became of the input so far.
struct Done {
  std::uint64_t leading = 0;          // records, from the first on
  std::uint64_t behind = 0;           // and behind the one that failed
  bool unknown = false;               // a record that failed may be there all the same
  std::optional<std::int64_t> since;  // the master's time before the latest of them were sent, under a kept id
};

// Tells the offsets of those that are done, up to the first that is not.
Result<> append_group(Session& session, RemoteLog& log, const std::string& path, std::vector<Bytes> records,
                      std::size_t at_once, Done& done) {
  Output& out = session.out();
  std::optional<Error> failed;
  for (std::optional<Result<client::Appended>>& one : log.append(std::move(records), at_once)) {
    if (!one) continue;
    if (!*one && (*one).error().outcome() == Outcome::may_have_happened) done.unknown = true;
    if (!*one && !failed) failed = (*one).error();
    if (failed) {
      if (*one) ++done.behind;
      continue;
    }
    ++done.leading;
    if (out.json()) {
      out.object(appended_json(path, **one));
    } else {
      out.line(std::to_string((*one)->offset));
    }
  }
  Result<> written = out.flush();
  if (failed) return fail(std::move(*failed));
  return written;
}

Result<> append_all(Session& session, RemoteLog& log, const std::string& path, Cutter& cutter, bool kept, Done& done) {
  const std::size_t at_once = kept ? kKeptAtOnce : kRecordsAtOnce;
  int input = session.out().streams().input;
  LocalSource source = LocalSource::borrowed(input, "standard input");
  for (bool at_end = false;;) {
    std::vector<Bytes> records;
    std::optional<Error> bad;
    std::size_t bytes = 0;
    while (records.size() < kRecordsAtOnce && bytes < kBytesAtOnce) {
      Result<std::optional<Bytes>> record = cutter.next(at_end);
      if (record && *record) {
        bytes += (*record)->size();
        records.push_back(std::move(**record));
        continue;
      }
      if (!record) bad = std::move(record).error();
      if (bad || at_end || (!records.empty() && !more_at_once(input))) break;
      Result<std::string> piece = source.read_some();
      if (!piece) {
        bad = std::move(piece).error();
        break;
      }
      at_end = piece->empty();
      cutter.add(*piece);
    }
    const bool nothing = records.empty();
    if (!nothing && kept) {
      Result<std::int64_t> now = log.now_ms();
      if (!now) return fail(std::move(now));  // and nothing of these was sent
      done.since = *now;
    }
    if (!nothing) {
      Result<> appended = append_group(session, log, path, std::move(records), at_once, done);
      if (!appended) return appended;
    }
    if (bad) return fail(std::move(*bad));
    if (nothing) return {};
  }
}

std::string records_text(std::uint64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "record is" : "records are");
}

// How to go on. Under a kept id the record that failed may be sent again; otherwise nobody would know it again.
std::string advice(const Done& done, const Error& error, const client::AppendOptions& options) {
  const std::uint64_t next = done.leading + 1, sequence = options.next_sequence + done.leading;
  if (options.client.nil() && (done.unknown || done.behind > 0)) {
    return fmt::format(
        "look with records what is there from record {} on: a repeat without --client may append it twice", next);
  }
  if (options.client.nil()) return fmt::format("go on with the input from record {}", next);
  if (error.code == Code::conflict) {
    return fmt::format("--first: sequence {} of this client was another record", sequence);
  }
  if (error.code == Code::record_expired && sequence <= options.repeats_to) {
    return fmt::format(
        "look with records how many of the records from {} on are there (an earlier run's, in order, none left out); "
        "with K of them, go on with --client {} --first {}+K and the input from record {}+K, without --since",
        next, options.client, sequence, next);
  }
  if (error.code == Code::record_expired) {
    return fmt::format(
        "look with records whether record {} is there; then go on with --client {} --first {} and the "
        "input from record {}",
        next, options.client, sequence + 1, next + 1);
  }
  const std::optional<std::int64_t> since = sequence <= options.repeats_to ? options.asked_ms : done.since;
  return fmt::format("go on with --client {} --first {}{} and the input from record {}", options.client, sequence,
                     since ? fmt::format(" --since {}", *since) : "", next);
}

// Tells how far it came, and gives the exit code.
int tell_stopped(Session& session, Error error, const Done& done, const client::AppendOptions& options) {
  error.message += fmt::format("; {} done", records_text(done.leading));
  if (done.behind > 0) {
    error.message += fmt::format(", and {} more behind record {}", done.behind, done.leading + 1);
  }
  int code = session.tell("rappend", error, advice(done, error, options));
  if (code == kInterrupted) return code;
  if (done.leading + done.behind > 0) return kPartly;
  return options.client.nil() && done.unknown ? kFailed : code;  // not: safe to repeat
}

Result<int> run(Session& session, const Arguments& arguments) {
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  if (session.input_is_script()) {
    return fail(Code::invalid_argument, "standard input is the script itself; run rappend by itself");
  }
  client::AppendOptions options;
  if (arguments.has("client")) {
    std::optional<ClientId> client = ClientId::parse(arguments.value("client"));
    if (!client || client->nil()) {
      return fail(Code::invalid_argument, "--client {}: an id is 32 hex digits, as of uuidgen",
                  escape_for_terminal(arguments.value("client").substr(0, 100)));
    }
    options.client = *client;
    session.keep_client();
  }
  Result<std::uint64_t> first = arguments.number("first", 1, 1, UINT64_MAX / 2);
  if (!first) return fail(std::move(first));
  options.next_sequence = *first;
  if (arguments.has("since")) {
    if (options.client.nil()) return fail(Code::invalid_argument, "--since: only a writer with --client can repeat");
    Result<std::uint64_t> since = arguments.number("since", 0, 0, INT64_MAX);
    if (!since) return fail(std::move(since));
    options.asked_ms = static_cast<std::int64_t>(*since);
    options.repeats_to = *first + client::kRememberedBatches - 1;  // an earlier run sent none further on
  }
  RemoteLog log(session);
  Result<> done = log.open(*path, options);
  if (!done) return fail(std::move(done));
  Cutter cutter(arguments.has("length-prefixed"), arguments.has("raw"));
  const bool kept = !options.client.nil();
  Done appended;
  done = append_all(session, log, *path, cutter, kept, appended);
  Result<> closed = log.close();  // what was appended shall be safe, whatever came then
  if (!done) return tell_stopped(session, std::move(done).error(), appended, options);
  if (closed) return kOk;
  Error error = std::move(closed).error();
  error.message += fmt::format("; {} done, but perhaps not on every disk", records_text(appended.leading));
  int code = session.tell("rappend", error, "nothing is to be sent again; status shows the cluster's health");
  return code == kInterrupted || appended.leading == 0 ? code : kPartly;
}

}  // namespace

const Command kRappend{
    .name = "rappend",
    .group = "Files",
    .usage = "PATH [--client ID] ...",
    .summary = "appends records from standard input; tells their offsets",
    .help =
        "Each line is a record, framed so that records gives it back; the offsets come in the same order. The\n"
        "file is made if it is missing.\n"
        "It stops at the first record that fails, and tells how many are done; the offsets are of those. With\n"
        "--client it may then go on at the one that failed, with --first as it says: if that was done, it is not\n"
        "done twice. An id's last 64 records are known that well, for an hour: so go on there, not at the begin.\n"
        "With --since, as it says too, the first 64 may be repeats: if they are forgotten, they are refused and never\n"
        "done twice.\n"
        "Ends with 7 if some are done and some are not.\n"
        "Example: rappend /logs/today < lines.txt",
    .options = {{0, "length-prefixed", "", "instead of lines: a length of 4 bytes, the highest first, then so many"},
                {0, "client", "ID", "the writer's id, kept from run to run"},
                {0, "first", "N", "sequence of the first record (1)"},
                {0, "since", "MS",
                 "the first records may have been sent already, from then on (default: they are new)"},
                {0, "raw", "", "bytes as they are, not framed: records does not know them"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
