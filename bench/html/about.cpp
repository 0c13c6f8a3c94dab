#include "bench/html/about.hpp"

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/html/chart.hpp"
#include "bench/report_text.hpp"

namespace bench {
namespace {

std::string entry(const std::string& name, const std::string& value) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, escaped(value));
}

std::string environment(const SavedReport& report) {
  std::string html = "<dl>\n";
  html += entry("Machine",
                fmt::format("{}, {} CPUs, {}, {}", report.cpu, report.cpus, report.kernel, report.system));
  html += entry("Processes", fmt::format("two, on {}", report.placement));
  html += entry("Measured", fmt::format("{} in turn of {} ms each; every byte written and checked",
                                        times_text(report.repetitions), report.measured_ns / 1e6));
  if (report.flag_ns) {
    html += entry("A flag in shared memory",
                  fmt::format("there and back in {} (nine in ten {} to {}), before each measurement: how far "
                              "apart the CPUs are",
                              time_text(report.flag_ns->median), time_text(report.flag_ns->least),
                              time_text(report.flag_ns->most)));
  }
  html += entry("Files", fmt::format("on {}", report.folder_type));
  html += entry("Load before", fmt::format("{:.2f}", report.load));
  std::string versions = fmt::format("tenon {}", report.tenon);
  for (const auto& [row, version] : report.peers) versions += fmt::format("; {}: {}", row, version);
  html += entry("Versions", versions);
  html += entry("When", fmt::format("{}, {} run", report.started, report.mode));
  return html + "</dl>\n";
}

}  // namespace

std::string head_of(const SavedReport& report) {
  std::string html = "<header>\n<h1>tenon bench</h1>\n" + environment(report);
  if (report.interrupted) html += "<p class=\"warning\">Interrupted: this is what was finished.</p>\n";
  for (const auto& warning : report.warnings)
    html += fmt::format("<p class=\"warning\">Noisy: {}.</p>\n", escaped(warning));
  return html + "</header>\n";
}

std::string traits_table(const std::vector<tenon::TransportInfo>& transports) {
  std::string html =
      "<section>\n<h2>What they promise</h2>\n<div class=\"wide\"><table class=\"traits\">\n<tr><th></th>";
  for (const auto trait : tenon::all_traits()) html += fmt::format("<th>{}</th>", tenon::to_string(trait));
  html += "<th>largest message</th></tr>\n";
  for (const auto& transport : transports) {
    html += fmt::format("<tr><th>{}</th>", escaped(std::string(transport.scheme)));
    for (const auto trait : tenon::all_traits())
      html += fmt::format("<td>{}</td>", transport.traits.has(trait) ? "✓" : "");
    html += fmt::format("<td>{}</td></tr>\n", tenon::format_size(transport.traits.max_message_size));
  }
  return html + "</table></div>\n</section>\n";
}

std::string limits_of(const SavedReport& report) {
  std::string html = "<section>\n<h2>Limits of this machine</h2>\n<ul>\n";
  for (const auto& limit : report.limits) html += fmt::format("<li>{}</li>\n", escaped(limit));
  return html + "</ul>\n</section>\n";
}

}  // namespace bench
