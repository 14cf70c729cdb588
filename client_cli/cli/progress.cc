#include "client_cli/cli/progress.h"

#include <algorithm>

#include "base/units.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

std::string progress_line(std::string_view label, std::uint64_t done, std::optional<std::uint64_t> total,
                          double seconds, unsigned width) {
  double rate = seconds > 0.05 ? static_cast<double>(done) / seconds : 0;
  std::string rate_text = rate > 0 ? format_size(static_cast<std::uint64_t>(rate)) + "/s" : "-";
  std::string tail;
  double share = 0;
  if (total) {
    share = *total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    std::string eta = "-";
    if (rate > 0) {
      double left = *total > done ? static_cast<double>(*total - done) / rate : 0;
      eta = format_duration(std::chrono::seconds(static_cast<std::int64_t>(std::min(left, 1e8))));
    }
    tail = fmt::format("  {:3.0f}%  {}/{}  {}  eta {}", share * 100, format_size(done), format_size(*total), rate_text,
                       eta);
  } else {
    tail = fmt::format("  {}  {}", format_size(done), rate_text);
  }
  std::string name = escape_for_terminal(label);
  std::size_t room = width > tail.size() + 1 ? width - tail.size() - 1 : 0;
  if (shown_width(name) > room) name.clear();
  std::size_t left = room - shown_width(name);
  std::string bar;
  if (total && left >= 8) {
    std::size_t cells = std::min<std::size_t>(20, left - 2);
    auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
    bar = "  ";
    for (std::size_t i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
  }
  return name + bar + tail;
}

Progress::Progress(Output& out, std::string label, std::optional<std::uint64_t> total)
    : out_(out),
      label_(std::move(label)),
      total_(total),
      shown_(out.errors_to_terminal() && !out.quiet()),
      started_(std::chrono::steady_clock::now()),
      drawn_at_(started_) {}

Progress::~Progress() {
  if (drawn_) out_.raw_error("\r\033[K");
}

void Progress::add(std::uint64_t bytes) {
  done_ += bytes;
  if (!shown_) return;
  auto now = std::chrono::steady_clock::now();
  if (now - drawn_at_ < 100ms) return;
  drawn_at_ = now;
  draw();
}

void Progress::draw() {
  drawn_ = true;
  double seconds = std::chrono::duration<double>(drawn_at_ - started_).count();
  out_.raw_error("\r" + progress_line(label_, done_, total_, seconds, out_.width()) + "\033[K");
}

}  // namespace gfs::cli
