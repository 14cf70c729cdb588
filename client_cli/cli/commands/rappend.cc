#include <poll.h>

#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/remote_log.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/client/record_format.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kAtOnce = 4 << 20;  // bytes appended side by side

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

Result<> append_group(Session& session, RemoteLog& log, const std::string& path, std::vector<Bytes> records) {
  Output& out = session.out();
  if (records.empty()) return {};
  auto done = log.append(std::move(records));
  if (!done) return fail(std::move(done));
  std::optional<Error> failed;
  for (Result<client::Appended>& one : *done) {
    if (!one) {
      if (!failed) failed = std::move(one).error();
    } else if (out.json()) {
      out.object(appended_json(path, *one));
    } else {
      out.line(std::to_string(one->offset));
    }
  }
  Result<> written = out.flush();
  if (failed) return fail(std::move(*failed));
  return written;
}

Result<> append_all(Session& session, RemoteLog& log, const std::string& path, Cutter& cutter) {
  int input = session.out().streams().input;
  LocalSource source = LocalSource::borrowed(input, "standard input");
  for (bool at_end = false; !at_end;) {
    std::vector<Bytes> records;
    std::optional<Error> bad;
    std::size_t bytes = 0;
    do {
      Result<std::string> piece = source.read_some();
      if (!piece) return fail(std::move(piece));
      at_end = piece->empty();
      cutter.add(*piece);
      while (!bad) {
        Result<std::optional<Bytes>> record = cutter.next(at_end);
        if (!record) bad = std::move(record).error();
        if (bad || !*record) break;
        bytes += (*record)->size();
        records.push_back(std::move(**record));
      }
    } while (!bad && !at_end && bytes < kAtOnce && more_at_once(input));
    Result<> appended = append_group(session, log, path, std::move(records));
    if (!appended) return appended;
    if (bad) return fail(std::move(*bad));
  }
  return {};
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
  RemoteLog log(session);
  Result<> done = log.open(*path, options);
  if (!done) return fail(std::move(done));
  Cutter cutter(arguments.has("length-prefixed"), arguments.has("raw"));
  done = append_all(session, log, *path, cutter);
  Result<> closed = log.close();  // what was appended shall be safe, whatever came then
  if (!done) return fail(std::move(done));
  if (!closed) return fail(std::move(closed));
  return kOk;
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
        "With --client the same input may be sent again after a failure, with the same --first: what was done\n"
        "before is not done twice.\n"
        "Example: rappend /logs/today < lines.txt",
    .options = {{0, "length-prefixed", "", "instead of lines: a length of 4 bytes, the highest first, then so many"},
                {0, "client", "ID", "the writer's id, kept from run to run"},
                {0, "first", "N", "sequence of the first record (1)"},
                {0, "raw", "", "bytes as they are, not framed: records does not know them"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
