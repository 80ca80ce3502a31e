// SPDX-License-Identifier: MIT
// Everything of Ho, Jain & Abbeel, "Denoising diffusion probabilistic models", 2020: from a schedule to samples.
#pragma once

#include "model/denoiser.hpp"      // section 3.2, eq. 15
#include "model/exact.hpp"         // what a network would answer that knew the data
#include "objective/decoder.hpp"   // eq. 13
#include "objective/elbo.hpp"      // eq. 5
#include "objective/joint.hpp"     // eq. 1 to 3
#include "objective/kl.hpp"        // eq. 5
#include "objective/training.hpp"  // algorithm 1, eq. 14
#include "process/continuous_schedules.hpp"
#include "process/forward.hpp"  // eq. 2, 4, 6, 7, 11
#include "process/grid.hpp"
#include "process/schedules.hpp"  // section 4
#include "random/noise.hpp"
#include "sampler/ancestral.hpp"  // algorithm 2
