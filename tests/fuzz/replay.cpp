// Runs a fuzz target without a fuzzer: each file of a folder, and simple variations of it, always the same ones.
//
//     stream_receiver_replay FOLDER [VARIATIONS]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const int variations = argc > 2 ? std::atoi(argv[2]) : 2000;
  std::mt19937 random(1);
  long runs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
    const std::vector<std::uint8_t> seed(text.begin(), text.end());
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
    for (int i = 0; i < variations && !seed.empty(); ++i, ++runs) {
      std::vector<std::uint8_t> input = seed;
      if (random() % 4 == 0) input.resize(1 + random() % input.size());
      for (auto flips = random() % 5; flips > 0; --flips)
        input[random() % std::min<std::size_t>(input.size(), 200)] = static_cast<std::uint8_t>(random());
      LLVMFuzzerTestOneInput(input.data(), input.size());
    }
  }
  std::printf("%ld inputs\n", runs);
  return runs > 0 ? 0 : 1;
}
