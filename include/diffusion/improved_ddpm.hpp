// SPDX-License-Identifier: MIT
// Everything of Nichol & Dhariwal, "Improved denoising diffusion probabilistic models", 2021, on top of ddpm.hpp.
#pragma once

#include "ddpm.hpp"
#include "model/learned_variance.hpp"     // eq. 15
#include "objective/fast_likelihood.hpp"  // its terms in the arithmetic of floats
#include "objective/hybrid.hpp"           // eq. 16
#include "objective/learned_elbo.hpp"     // section 2.1; eq. 18 by the rules of its estimate
#include "sampler/learned_variance.hpp"   // section 4
