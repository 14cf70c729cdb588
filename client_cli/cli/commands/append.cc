#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/remote_log.h"
#include "client_cli/cli/request_option.h"
#include "client_cli/cli/transfer.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kRecordMax = 16 << 20;

Result<std::string> whole(Session& session, const std::string& source) {
  Result<LocalSource> opened = source == "-" ? LocalSource::borrowed(session.out().streams().input, "standard input")
                                             : LocalSource::open(source, true);
  if (!opened) return fail(std::move(opened));
  std::string bytes;
  while (true) {
    Result<std::string> piece = opened->read();
    if (!piece) return piece;
    if (piece->empty()) return bytes;
    bytes += *piece;
    if (bytes.size() > kRecordMax) {
      return fail(Code::too_large, "{} is longer than 16 MiB: at most so much is one append", source);
    }
  }
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::string> path = session.path(arguments[0]);
  if (!path) return fail(std::move(path));
  std::string source = arguments.count() > 1 ? arguments[1] : "-";
  if (source == "-" && session.input_is_script()) {
    return fail(Code::invalid_argument, "standard input is the script itself; append a file instead of -");
  }
  Result<std::optional<RequestId>> request = given_request(arguments, 1);
  if (!request) return fail(std::move(request));
  Result<std::string> bytes = whole(session, source);
  if (!bytes) return fail(std::move(bytes));
  RemoteLog log(session);
  client::AppendOptions options;
  std::uint64_t sequence = 1;
  if (*request) {
    options.client = (*request)->client;
    sequence = (*request)->sequence;
    session.keep_client();
  }
  if (bytes->empty()) return fail(Code::invalid_argument, "{} is empty: nothing is appended", source);
  Result<> opened = log.open(*path, options);
  if (!opened) return fail(std::move(opened));
  Result<client::Appended> done = log.append_as(sequence, Bytes::of(std::move(*bytes)));
  if (!done) return fail(std::move(done));
  if (out.json()) {
    out.object(appended_json(*path, *done));
  } else if (arguments.has("show-req")) {
    out.line(fmt::format("{}\t{}", done->offset, done->request.text()));
  } else {
    out.line(std::to_string(done->offset));
  }
  Result<> closed = log.close();
  if (!closed) return fail(std::move(closed));
  return kOk;
}

}  // namespace

const Command kAppend{
    .name = "append",
    .group = "Files",
    .usage = "PATH [FILE|-]",
    .summary = "appends bytes as one record, atomically, and tells their offset",
    .help =
        "At most 16 MiB, from FILE or standard input, as they are; the file is made if it is missing.\n"
        "On all replicas at one offset, once, whatever fails on the way. For records that can be read back one by\n"
        "one see rappend.\n"
        "Example: append /logs/today entry.txt",
    .options = with_request_options(),
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};

}  // namespace gfs::cli
