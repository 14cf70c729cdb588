#include "client_cli/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client_cli/cli/interrupt.h"

namespace gfs::cli {

namespace {

// Length of the UTF-8 character that begins `text`, 0 if there is none that may be shown.
std::size_t printable_length(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (first > 0xf4 || length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  bool control = first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
  return control ? 0 : length;
}

std::string paint(Output::Color color, std::string_view text) {
  constexpr std::string_view kCodes[] = {"", "1;34", "32", "33", "31", "2"};
  std::string_view code = kCodes[static_cast<std::size_t>(color)];
  if (code.empty()) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

constexpr std::size_t kPendingMax = 64 << 10;

}  // namespace

std::string escape_for_terminal(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t length = printable_length(text);
    if (length > 0) {
      out += text.substr(0, length);
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (text[0] == '\t') {
      out += "\\t";
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

std::string json_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR && !interrupted()) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Output::Output(Streams streams, bool json, bool quiet, bool color)
    : streams_(streams),
      json_(json),
      quiet_(quiet),
      color_(color),
      to_terminal_(isatty(streams.output) == 1),
      errors_to_terminal_(isatty(streams.error) == 1) {}

unsigned Output::width() const {
  winsize size{};
  for (int descriptor : {streams_.output, streams_.error}) {
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  return 80;
}

void Output::data(std::string_view text) {
  pending_ += text;
  if (pending_.size() < kPendingMax) return;
  int failed = broken_ != 0 ? broken_ : write_all(streams_.output, pending_);
  broken_ = failed;
  pending_.clear();
}

void Output::line(std::string_view text) {
  data(text);
  data("\n");
}

void Output::object(Json json) {
  Json whole{{"v", 1}};
  whole.update(json);
  line(json_text(whole));
}

Result<> Output::flush() {
  if (broken_ == 0) broken_ = write_all(streams_.output, pending_);
  pending_.clear();
  int failed = std::exchange(broken_, 0);
  if (failed == 0) return {};
  reader_left_ = failed == EPIPE;
  if (failed == EINTR) return fail(Code::cancelled, "interrupted");
  return fail(Code::io_error, "standard output: {}", std::strerror(failed));
}

void Output::note(std::string_view text) {
  if (!quiet_) error(text);
}

void Output::error(std::string_view text) { raw_error(std::string(text) + "\n"); }

void Output::raw_error(std::string_view text) { (void)write_all(streams_.error, text); }

std::string Output::name(std::string_view name) const {
  return to_terminal_ ? escape_for_terminal(name) : std::string(name);
}

std::string Output::colored(Color color, std::string_view text) const {
  return color_ && to_terminal_ ? paint(color, text) : std::string(text);
}

std::string Output::colored_error(Color color, std::string_view text) const {
  return color_ && errors_to_terminal_ ? paint(color, text) : std::string(text);
}

}  // namespace gfs::cli
