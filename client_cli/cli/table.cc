#include "client_cli/cli/table.h"

#include <algorithm>

namespace gfs::cli {

std::size_t shown_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {  // a colour takes no room
      std::size_t end = text.find('m', i);
      if (end == std::string_view::npos) break;
      i = end;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++width;
    }
  }
  return width;
}

void Table::print(Output& out, bool with_headings) const {
  if (!out.to_terminal()) {
    for (const std::vector<std::string>& row : rows_) out.line(fmt::format("{}", fmt::join(row, "\t")));
    return;
  }
  std::vector<std::size_t> widths;
  std::vector<bool> numbers;
  std::vector<std::string> headings;
  for (const std::string& heading : headings_) {
    numbers.push_back(heading.starts_with('>'));
    headings.push_back(heading.substr(numbers.back() ? 1 : 0));
    widths.push_back(with_headings ? headings.back().size() : 0);
  }
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], shown_width(row[i]));
  }
  auto print_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      std::string room(widths[i] - std::min(widths[i], shown_width(row[i])), ' ');
      if (i > 0) line += "  ";
      bool last = i + 1 == row.size();
      line += numbers[i] ? room + row[i] : row[i] + (last ? "" : room);
    }
    out.line(line);
  };
  if (with_headings) {
    for (std::string& heading : headings) heading = out.colored(Output::Color::faint, heading);
    print_row(headings);
  }
  for (const std::vector<std::string>& row : rows_) print_row(row);
}

void print_fields(Output& out, const std::vector<std::pair<std::string, std::string>>& fields) {
  Table table({"", ""});
  for (const auto& [name, value] : fields) table.add({name, value});
  table.print(out, false);
}

}  // namespace gfs::cli
