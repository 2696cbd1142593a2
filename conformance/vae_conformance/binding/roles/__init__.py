"""Who is who in a pass: the noise, the latent z, mu and the second head, as facts of its tape under intervention on the noise."""
