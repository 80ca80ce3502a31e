// SPDX-License-Identifier: MIT
// An array type of your own as a state: one specialisation of state_traits, and every function of the library takes it.
#include <cstdio>
#include <diffusion/ddpm.hpp>

// [own_array]
/// A grey image that your program already has. It needs no operators.
struct Image {
  int width = 0, height = 0;
  std::vector<float> pixels;
};

template <>
struct diffusion::state_traits<Image> {
  using scalar = float;  // the type of an element
  using value = Image;   // what functions return
  static std::span<const float> view(const Image& image) { return image.pixels; }
  static std::span<float> elements(Image& image) { return image.pixels; }
  static Image like(const Image& image) { return {image.width, image.height, std::vector<float>(image.pixels.size())}; }
};
// [own_array]

int main() {
  const Image image{2, 2, {0.5f, -0.5f, 1.0f, 0.0f}};
  const auto schedule = diffusion::cosine_schedule(100);
  const diffusion::NormalNoise noise{.seed = 1};
  const Image noisy = diffusion::q_sample(schedule(50), image, noise(0, image));
  const Image back = diffusion::x0_from_noise(schedule(50), noisy, noise(0, image));
  for (std::size_t k = 0; k < 4; ++k)
    std::printf("%7.4f  %7.4f  %7.4f\n", image.pixels[k], noisy.pixels[k], back.pixels[k]);

  // A denoiser that knows the image leads any noise back to it.
  const auto exact = [&](const Image&, const auto&) { return image; };
  const Image sampled = diffusion::sample(diffusion::AncestralSampler{}, exact, diffusion::level_grid(schedule),
                                          noise.initial(image), noise);
  return sampled.pixels == image.pixels ? 0 : 1;
}
