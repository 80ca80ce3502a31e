// SPDX-License-Identifier: MIT
// Everything of Nichol & Dhariwal, "Improved denoising diffusion probabilistic models", 2021, on top of ddpm.hpp.
#pragma once

#include "ddpm.hpp"
#include "model/learned_variance.hpp"    // eq. 15
#include "objective/hybrid.hpp"          // eq. 16
#include "sampler/learned_variance.hpp"  // section 4
