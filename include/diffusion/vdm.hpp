// SPDX-License-Identifier: MIT
// Everything of Kingma, Salimans, Poole & Ho, "Variational diffusion models", 2021, on top of ddpm.hpp.
#pragma once

#include "ddpm.hpp"
#include "objective/continuous_elbo.hpp"     // the bound in continuous time, and of chains by draws of t
#include "objective/level_sampling.hpp"      // the low-discrepancy sampler
#include "objective/multi_sample_bound.hpp"  // how far the bound is from the likelihood
#include "objective/softmax_decoder.hpp"     // the likelihood of data given a little noise
#include "objective/weights.hpp"             // the loss in continuous time
