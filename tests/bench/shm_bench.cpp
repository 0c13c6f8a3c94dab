// How shm: compares with what shared memory can do at best. Two pinned processes; every row beside its floor, in one
// run, many times, and reported as ratios: two virtual CPUs may sit near each other or far apart, and are moved while
// one looks, so the flag's round trip is taken with each repetition, and near and far are reported apart. Not a test.
//
//     shm_bench [repetitions (9)] [only rows that contain this] [options of the address, as capacity=1M]
#include <string>

#include <tenon/channel.hpp>

#include "bench/floors.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::bench {
namespace {

template <typename T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Meeting {
 public:
  Meeting(const std::string& wait, const std::string& options)
      : address_("shm:" + (folder_ / "s") + "?wait=" + wait + options), listener_(need(listen(address_))) {}
  Channel accept() { return need(listener_.accept()); }
  Channel connect() { return need(tenon::connect(address_)); }

 private:
  test::TemporaryFolder folder_;
  std::string address_;
  Listener listener_;
};

double round_trip(std::size_t size, const std::string& wait, int chunks, int rounds,
                  const std::string& options) {
  Meeting meeting(wait, options);
  return run(
      [&] {
        Channel channel = meeting.connect();
        std::vector<std::byte> buffer(size);
        for (int i = 0; i < chunks * rounds; ++i) {
          static_cast<void>(need(channel.receive(buffer)));
          need(channel.send(buffer));
        }
        static_cast<void>(channel.receive(buffer));  // until the other side has ended
      },
      [&] {
        Channel channel = meeting.accept();
        std::vector<std::byte> buffer(size);
        Chunks times;
        times.begin();
        for (int k = 0; k < chunks; ++k) {
          for (int i = 0; i < rounds; ++i) {
            need(channel.send(buffer));
            static_cast<void>(need(channel.receive(buffer)));
          }
          times.next();
        }
        return times.typical() / rounds;
      });
}

enum class Way { single, batched, in_place };
constexpr std::size_t batch_size = 32;

void send_all(Channel channel, Way way, std::size_t size, std::uint64_t count) {
  const std::vector<std::byte> message(way == Way::in_place ? 0 : size, std::byte{1});
  const std::vector<ByteView> batch(batch_size, ByteView(message));
  for (std::uint64_t i = 0; i < count;) {
    if (way == Way::batched) {
      i += need(channel.send_many(std::span(batch).first(std::min(batch_size, count - i))));
      continue;
    }
    if (way == Way::single) {
      need(channel.send(message));
    } else {
      Loan loan = need(channel.loan(size));
      loan.bytes().front() = loan.bytes().back() = std::byte{1};
      need(loan.commit(size));
    }
    ++i;
  }
  std::array<std::byte, 8> end;
  static_cast<void>(channel.receive(end));
}

void receive_some(Channel& channel, Way way, std::vector<std::byte>& buffer, std::uint64_t count) {
  static std::array<Message, 64> batch;
  for (std::uint64_t i = 0; i < count;) {
    if (way == Way::single) {
      static_cast<void>(need(channel.receive(buffer)));
      look_at(buffer.data());
      ++i;
      continue;
    }
    const std::size_t most = way == Way::in_place ? 1 : std::min<std::uint64_t>(batch.size(), count - i);
    const std::size_t got = need(channel.borrow_many(std::span(batch).first(most)));
    for (std::size_t k = 0; k < got; ++k) {
      if (batch[k].bytes().back() != std::byte{1}) std::exit(1);
      if (way == Way::batched) std::memcpy(buffer.data(), batch[k].bytes().data(), buffer.size());
      look_at(buffer.data());
      batch[k] = {};
    }
    i += got;
  }
}

/// Nanoseconds of a message.
double one_way(std::size_t size, Way way, std::uint64_t chunks, std::uint64_t chunk,
               const std::string& options) {
  Meeting meeting("spin", options + "&max-message-size=2G");
  return run([&] { send_all(meeting.connect(), way, size, chunks * chunk); },
             [&] {
               Channel channel = meeting.accept();
               std::vector<std::byte> buffer(way == Way::in_place ? 0 : size);
               Chunks times;
               for (std::uint64_t k = 0; k < chunks; ++k) {
                 if (k > 0) times.begin();
                 receive_some(channel, way, buffer, chunk);
                 if (k > 0) times.next();
               }
               return times.typical() / static_cast<double>(chunk);
             });
}

struct Row {
  std::string name;
  std::string floor_name;
  std::function<double()> measure;
  std::function<double()> floor;
  std::vector<double> values{};
  std::vector<double> floors{};
  std::vector<double> flags{};
};

std::vector<Row> rows_of(Floors& floors, const std::string& options) {
  std::vector<Row> rows{
      {"round trip 56 B, spinning", "flag", [=] { return round_trip(56, "spin", 400, 100, options); },
       [&] { return floors.flag(); }},
      {"round trip 64 B, spinning", "flag", [=] { return round_trip(64, "spin", 400, 100, options); },
       [&] { return floors.flag(); }},
      {"round trip 64 B, sleeping", "futex", [=] { return round_trip(64, "block", 100, 10, options); },
       [&] { return floors.futex(); }},
  };
  struct Size {
    const char* name;
    std::size_t size;
    std::uint64_t chunks;
    std::uint64_t chunk;
  };
  for (const Size& s : {Size{"64 B", 64, 100, 5000},
                        {"1 KiB", 1024, 100, 2000},
                        {"64 KiB", 65536, 50, 100},
                        {"1 MiB", 1 << 20, 25, 10}}) {
    for (const Way way : {Way::single, Way::batched}) {
      const auto measure = [=] { return one_way(s.size, way, s.chunks, s.chunk, options); };
      const std::string name = std::string("one way ") + s.name + (way == Way::single ? "" : ", many");
      rows.push_back(
          {name, "bare ring", measure, [=, &floors] { return floors.best_ring(s.size, s.chunks, s.chunk); }});
      rows.push_back({name, "memcpy", measure, [=] { return copy(s.size, s.chunk); }});
    }
  }
  for (const Size& s : {Size{"64 B", 64, 100, 2000},
                        {"1 KiB", 1024, 100, 2000},
                        {"64 KiB", 65536, 100, 500},
                        {"1 MiB", 1 << 20, 100, 500},
                        {"16 MiB", 16 << 20, 100, 500},
                        {"1 GiB", 1 << 30, 50, 500}}) {
    rows.push_back({std::string("in place ") + s.name, "64 B in place",
                    [=] { return one_way(s.size, Way::in_place, s.chunks, s.chunk, options); },
                    [=] { return one_way(64, Way::in_place, 50, 2000, options); }});
  }
  return rows;
}

/// Two virtual CPUs that share a cache hand a line over in tens of nanoseconds, others in hundreds.
constexpr double near_flag = 250;

void print(const Row& row, bool near) {
  std::vector<double> values;
  std::vector<double> floors;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if ((row.flags[i] < near_flag) != near) continue;
    values.push_back(row.values[i]);
    floors.push_back(row.floors[i]);
    ratios.push_back(row.values[i] / row.floors[i]);
  }
  if (ratios.empty()) return;
  std::ranges::sort(ratios);
  const auto at = [&](std::size_t percent) { return ratios[(ratios.size() - 1) * percent / 100]; };
  std::printf("%-26s %11.1f %11.1f  %-12s %8.2f  (%.2f, %.2f to %.2f, %.2f)\n", row.name.c_str(),
              median(values), median(floors), row.floor_name.c_str(), median(ratios), at(0), at(25), at(75),
              at(100));
}

void print(const std::vector<Row>& rows, const std::vector<double>& flags, bool near) {
  std::vector<double> of_kind;
  std::ranges::copy_if(flags, std::back_inserter(of_kind),
                       [&](double flag) { return (flag < near_flag) == near; });
  if (of_kind.empty()) return;
  std::printf("CPUs %s each other: %zu of %zu repetitions, flag %.0f ns (%.0f to %.0f)\n",
              near ? "near" : "far from", of_kind.size(), flags.size(), median(of_kind),
              *std::ranges::min_element(of_kind), *std::ranges::max_element(of_kind));
  std::printf("%-26s %11s %11s  %-12s %8s  (least, half of them, most)\n", "nanoseconds", "shm:", "floor", "",
              "ratio");
  for (const Row& row : rows) print(row, near);
}

}  // namespace
}  // namespace tenon::bench

int main(int argc, char** argv) {
  using namespace tenon::bench;
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 9;
  const std::string only = argc > 2 ? argv[2] : "";
  Floors& floors = shared<Floors>();
  std::vector<Row> rows = rows_of(floors, argc > 3 ? std::string("&") + argv[3] : "");
  std::erase_if(rows, [&](const Row& row) { return row.name.find(only) == std::string::npos; });
  std::vector<double> flags;
  for (int i = 0; i < repetitions; ++i) {
    for (Row& row : rows) {
      flags.push_back(floors.flag());
      row.flags.push_back(flags.back());
      row.floors.push_back(row.floor());
      row.values.push_back(row.measure());
    }
  }
  for (const bool near : {true, false}) print(rows, flags, near);
}
